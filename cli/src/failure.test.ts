import { errorTable, type ErrorBody, type ErrorCode, PlatformError } from "@hanzo-fn/contract/errors";
import { describe, expect, it } from "vitest";
import { ApiError, UnreachableError } from "./client.ts";
import { EXIT, UsageError } from "./command.ts";
import { detailLines, exitCodeOf, reportFailure } from "./failure.ts";
import { createOutput } from "./output.ts";

function report(error: unknown, command?: string): { exit: number; text: string } {
  let text = "";
  const stdout = { write: () => expect.unreachable("a failure is no result") };
  const output = createOutput(stdout, { write: (line) => (text += line) }, { format: "table", quiet: true });
  return { exit: reportFailure(output, error, command), text };
}

/** Every code of the table; a new code fails the test until someone decides what it means. */
const EXITS: Record<number, readonly ErrorCode[]> = {
  1: [
    ...([
      "bad_request",
      "invalid_manifest",
      "invalid_source",
      "malformed_http",
      "method_not_allowed",
    ] as const),
    ...([
      "payload_too_large",
      "uri_too_long",
      "expectation_failed",
      "build_failed",
      "gpu_unavailable",
    ] as const),
    ...(["load_failed", "missing_secret", "unsupported", "rate_limited", "head_too_large"] as const),
    ...(["range_not_satisfiable", "quota_exceeded", "object_rejected", "start_timeout"] as const),
    ...(["client_closed", "handler_error", "unserialisable", "not_implemented", "instance_exited"] as const),
    ...(["object_not_found", "loop_detected", "validation_error"] as const),
    ...(["malformed_response", "out_of_memory", "crash_loop", "http_version_not_supported"] as const),
  ],
  3: ["not_found"],
  4: ["unauthorized", "forbidden"],
  5: ["conflict", "field_conflict", "no_other_revision", "not_ready", "object_conflict", "route_conflict"],
  6: ["request_timeout", "queue_timeout", "timeout"],
  7: [
    ...(["internal", "instance_killed", "upstream_unreachable", "auth_unavailable"] as const),
    ...(["database_unavailable", "draining", "no_capacity", "registry_unreachable"] as const),
    ...(["secrets_unavailable", "storage_full", "unavailable"] as const),
    ...(["image_untrusted", "registry_refused"] as const),
    ...(["cluster_refused", "cluster_unavailable", "resource_expired"] as const),
    ...(["image_pull_failed", "ingress_not_ready", "unschedulable"] as const),
  ],
};

describe("exitCodeOf", () => {
  it.each(Object.keys(errorTable) as ErrorCode[])("knows what %s means", (code) => {
    const expected = Object.entries(EXITS).find(([, codes]) => codes.includes(code))?.[0];
    expect(String(exitCodeOf(code))).toBe(expected);
  });
});

describe("reportFailure", () => {
  it("prints every detail with its place, and what to do next", () => {
    const body: ErrorBody = {
      status: "error",
      code: 400,
      error: "invalid_manifest",
      msg: "two problems",
      component: "control-plane",
      requestId: "req_1",
      details: [
        { path: "name", line: 3, column: 7, rule: "is too long", suggestion: "shorten it" },
        { path: "", rule: "is empty" },
      ],
      next: "mend it",
    };
    const { exit, text } = report(new ApiError(400, body, ""));
    expect(exit).toBe(EXIT.failure);
    expect(text.split("\n")).toEqual([
      "error: two problems (invalid_manifest)",
      "  3:7 name: is too long — shorten it",
      "  is empty",
      "  from control-plane, request req_1",
      "  next: mend it",
      "",
    ]);
  });

  it.each([
    [401, EXIT.auth],
    [403, EXIT.auth],
    [404, EXIT.notFound],
    [409, EXIT.conflict],
    [418, EXIT.failure],
    [502, EXIT.unavailable],
    [503, EXIT.unavailable],
    [504, EXIT.timeout],
  ])("takes the exit code from status %d where the answer has no body of ours", (status, exit) => {
    expect(report(new ApiError(status, undefined, "<html>")).exit).toBe(exit);
  });

  it("points to the help of the command on wrong usage", () => {
    const { exit, text } = report(new UsageError("NAME is missing"), "invoke");
    expect([exit, text]).toEqual([2, "error: NAME is missing\n  next: hanzo-fn invoke --help\n"]);
    expect(report(new UsageError("nope is no command")).text).toContain("next: hanzo-fn help");
  });

  it("says how to start a platform where none answers", () => {
    const { exit, text } = report(new UnreachableError("http://a:1", new Error("refused")));
    expect(exit).toBe(EXIT.unavailable);
    expect(text).toMatch(/http:\/\/a:1.*refused\n {2}next: .*hanzo-fn serve/);
  });

  it("tells a broken connection, an interruption, an error of the table and any other error apart", () => {
    expect(report(Object.assign(new Error("aborted"), { code: "ECONNRESET" })).exit).toBe(EXIT.unavailable);
    expect(report(new DOMException("stopped", "AbortError"))).toEqual({ exit: EXIT.interrupted, text: "" });
    const known = report(new PlatformError("not_found", "no context", { next: "make one" }));
    expect(known).toEqual({ exit: EXIT.notFound, text: "error: no context\n  next: make one\n" });
    const component = report(new PlatformError("bad_request", "no", { component: "images", next: "do" }));
    expect(component.text).toBe("error: no\n  from images\n  next: do\n");
    expect(report(new Error("odd"))).toEqual({ exit: EXIT.failure, text: "error: odd\n" });
  });
});

describe("detailLines", () => {
  it("writes a place in the source as editors do, with the lines around it", () => {
    const excerpt = "> 4 | let n = x;\n    |         ^";
    const detail = { path: "src/a.rs", line: 4, column: 9, rule: "no x", suggestion: "use y", excerpt };
    expect(detailLines(detail)).toEqual([
      "  src/a.rs:4:9: no x — use y",
      "      > 4 | let n = x;",
      "          |         ^",
    ]);
  });

  it("writes a place in a manifest as before", () => {
    expect(detailLines({ path: "runtime", line: 2, column: 10, rule: "is wrong" })).toEqual([
      "  2:10 runtime: is wrong",
    ]);
    expect(detailLines({ rule: "is wrong" })).toEqual(["  is wrong"]);
  });
});
