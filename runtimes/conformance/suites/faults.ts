import { afterAll, beforeAll, expect, it } from "vitest";
import type { Language } from "../languages.ts";
import { ready, type Server } from "../server.ts";
import { ABSENT, itUnless, suite } from "./suite.ts";

export function faultsSuite(language: Language): void {
  suite(language, "faults", () => {
    let server: Server;
    beforeAll(async () => void (server = await ready(language, "faults")));
    afterAll(() => server[Symbol.asyncDispose]());

    it("answers a raised error with the platform's body, and logs its trace under the request id", async () => {
      const answer = await server.call({ path: "/raise", headers: { "x-request-id": "req_raise" } });
      expect([answer.status, answer.headers["x-function-error"]]).toEqual([500, "handler_error"]);
      expect(answer.headers["content-type"]).toBe("application/json");
      expect(answer.json).toEqual({
        status: "error",
        code: 500,
        error: "handler_error",
        msg: "the handler raised BrokenError",
        component: "function",
        requestId: "req_raise",
        function: "embed",
        revision: "embed-00003",
        next: "hanzo-fn logs embed --request-id req_raise",
      });
      const line = await server.out.find("of the trace", ({ request_id }) => request_id === "req_raise");
      expect(line).toMatchObject({ level: "error", stream: "log", fields: { error: "BrokenError" } });
      expect(line.msg).toContain("the detail stays here");
      expect(line.msg).toMatch(/handler\.(?:py|mjs|go|rs)/);
    });

    it.each(["/cycle", "/unserialisable"])("answers a value that JSON cannot hold (%s)", async (path) => {
      const answer = await server.call({ path });
      expect([answer.status, answer.headers["x-function-error"]]).toEqual([500, "unserialisable"]);
      expect(answer.json).toMatchObject({ error: "unserialisable", code: 500 });
    });

    it("lets no header of the function break the head", async () => {
      const answer = await server.call({ path: "/bad-header" });
      expect([answer.status, answer.headers["x-injected"]]).toEqual([500, undefined]);
      expect((await server.call()).text).toBe("well");
    });

    it("keeps the code of an exit by user code", async () => {
      await using other = await ready(language, "faults");
      await expect(other.call({ path: "/exit?code=7" })).rejects.toThrow();
      expect(await other.exited).toBe(7);
    });

    it("logs an error outside of any call", async () => {
      await using other = await ready(language, "faults");
      await other.call({ path: "/uncaught" }).catch(() => undefined);
      const line = await Promise.any(
        [other.out, other.err].map((lines) =>
          lines.find("of the error", ({ msg }) => msg.includes("outside of the call")),
        ),
      );
      if (language.compiled) expect(["error", ""]).toContain(line.level);
      else expect(line.level).toBe("error");
      if (language.uncaughtExit === undefined) expect((await other.call()).text).toBe("well");
      else expect(await other.exited).toBe(language.uncaughtExit);
    });

    itUnless(language, ABSENT.promises, "logs a rejection that nobody handles and ends with 1", async () => {
      await using other = await ready(language, "faults");
      await other.call({ path: "/rejection" }).catch(() => undefined);
      expect(await other.exited).toBe(1);
      expect(other.out.text()).toContain("nobody awaits this");
    });
  });
}
