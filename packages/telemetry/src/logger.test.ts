import { Secret } from "@hanzo-fn/contract";
import { expect, test } from "vitest";
import { createLogger } from "./logger.ts";

function capture(level: "info" | "warn") {
  const lines: Record<string, unknown>[] = [];
  const log = createLogger({
    level,
    service: "s",
    version: "1",
    env: "test",
    write: (line) => lines.push(JSON.parse(line) as Record<string, unknown>),
    now: () => 0,
  });
  return { lines, log };
}

test("writes one JSON object a line with the fields of HIP-64", () => {
  const { lines, log } = capture("info");
  log.child({ org_id: "acme" }).info("deployed", { function: "f" });
  expect(lines).toEqual([
    {
      ts: "1970-01-01T00:00:00.000Z",
      level: "info",
      msg: "deployed",
      service: "s",
      version: "1",
      env: "test",
      org_id: "acme",
      function: "f",
    },
  ]);
});

test("leaves out what is below the level", () => {
  const { lines, log } = capture("warn");
  log.info("no");
  log.warn("yes");
  expect(lines.map((line) => line["msg"])).toEqual(["yes"]);
});

test("flattens errors and never shows a secret", () => {
  const { lines, log } = capture("info");
  log.error("failed", { error: new TypeError("bad"), token: new Secret("hunter2") });
  expect(lines[0]).toMatchObject({ "error.type": "TypeError", "error.message": "bad", token: "[redacted]" });
  expect(JSON.stringify(lines)).not.toContain("hunter2");
});
