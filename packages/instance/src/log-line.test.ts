import { describe, expect, it } from "vitest";
import { parseLogLine } from "./log-line.ts";

describe("a log line", () => {
  it("of the contract becomes an entry", () => {
    const text = JSON.stringify({
      ts: "2026-01-02T03:04:05.678Z",
      level: "error",
      msg: "boom",
      stream: "stderr",
      request_id: "req_1",
      fields: { a: 1 },
    });
    expect(parseLogLine(text, "stdout", false, 7)).toEqual({
      tsMs: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
      level: "error",
      msg: "boom",
      stream: "stderr",
      requestId: "req_1",
      fields: { a: 1 },
    });
  });

  it.each([
    ["plain words", "plain words"],
    ["plain\r", "plain"],
    ['{"price": 3}', '{"price": 3}'],
    ['{"msg": "mine"}', '{"msg": "mine"}'],
    ["{broken", "{broken"],
    ["[1]", "[1]"],
  ])("%j is taken as text", (text, msg) => {
    expect(parseLogLine(text, "stdout", false, 7)).toEqual({ tsMs: 7, level: "info", msg, stream: "stdout" });
  });

  it("from stderr is a warning", () => {
    expect(parseLogLine("oh", "stderr", false, 7)).toEqual({
      tsMs: 7,
      level: "warn",
      msg: "oh",
      stream: "stderr",
    });
  });

  it("that was cut is marked and never parsed", () => {
    expect(parseLogLine('{"ts":1,"msg":"x"}', "stdout", true, 7).msg).toMatch(/^\{.*line cut at 64 KiB\]$/);
  });

  it("of plain text is cut at 64 KiB of it", () => {
    const { msg } = parseLogLine("ü".repeat(64 * 1024), "stdout", false, 7);
    expect(msg).toBe(`${"ü".repeat(32 * 1024)} … [line cut at 64 KiB]`);
  });

  it("that its runtime has cut says how much is missing", () => {
    const text = JSON.stringify({ ts: "2026-01-02T03:04:05Z", msg: "x", request_id: "req_1", truncated: 9 });
    expect(parseLogLine(text, "stdout", false, 7)).toMatchObject({
      msg: "x … [9 bytes cut]",
      requestId: "req_1",
    });
  });

  it("with nonsense in its fields keeps what makes sense", () => {
    const text = '{"ts": "never", "level": "loud", "msg": "m", "stream": 3, "request_id": 4, "fields": []}';
    expect(parseLogLine(text, "stdout", false, 7)).toEqual({
      tsMs: 7,
      level: "info",
      msg: "m",
      stream: "log",
    });
  });
});
