import { PassThrough } from "node:stream";
import { systemClock, type Clock } from "@hanzo-fn/lifecycle";
import { describe, expect, it } from "vitest";
import type { InstanceLine } from "./instance.ts";
import { DEFAULT_LOG_LIMITS, readOutput } from "./output.ts";

function open(limits: Partial<typeof DEFAULT_LOG_LIMITS> = {}) {
  let nowMs = 0;
  const clock: Clock = { ...systemClock, now: () => nowMs, monotonic: () => nowMs };
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const lines: InstanceLine[] = [];
  const output = readOutput({ stdout, stderr }, (line) => lines.push(line), {
    clock,
    limits: { ...DEFAULT_LOG_LIMITS, ...limits },
  });
  const write = async (text: string): Promise<void> => {
    await new Promise((resolve) => stdout.write(text, resolve));
    await new Promise(setImmediate);
  };
  return { lines, output, write, pass: (ms: number) => (nowMs += ms) };
}

describe("the output of an instance", () => {
  it("drops what exceeds the line rate and says how many", async () => {
    const { lines, output, write, pass } = open({ linesPerSecond: 10, lineBurst: 3 });
    await write("1\n2\n3\n4\n5\n");
    expect(lines.map((line) => line.msg)).toEqual(["1", "2", "3"]);
    pass(100);
    await write("6\n");
    expect(lines.map((line) => line.msg)).toEqual([
      "1",
      "2",
      "3",
      expect.stringMatching(/^2 lines dropped/),
      "6",
    ]);
    expect(lines[3]).toMatchObject({ stream: "platform", fields: { dropped: 2 } });
    await write("7\n8\n");
    output.close();
    expect(lines.at(-1)?.msg).toMatch(/^2 lines dropped/);
  });

  it("tells of a flood once a second while it goes on", async () => {
    const { lines, write, pass } = open({ linesPerSecond: 0, lineBurst: 1 });
    await write("1\n");
    for (let i = 0; i < 30; i++) {
      pass(100);
      await write("x\n");
    }
    expect(lines.slice(1).every((line) => line.msg.includes("lines dropped"))).toBe(true);
    expect(lines.length).toBeGreaterThanOrEqual(3);
    expect(lines.length).toBeLessThanOrEqual(4);
  });

  it("takes the longest line of the contract as what it is, and one that is longer as text that is cut", async () => {
    const { lines, write } = open();
    const fields = { text: "f".repeat(65_000) };
    const msg = "\u0001".repeat(64 * 1024);
    await write(`${JSON.stringify({ ts: "2026-01-02T03:04:05Z", msg, request_id: "req_1", fields })}\n`);
    await write(`${"x".repeat(10 * 1024 * 1024)}\nnext\n`);
    expect(lines[0]).toMatchObject({ msg, requestId: "req_1", fields });
    expect(lines[1]?.msg).toBe(`${"x".repeat(64 * 1024)} … [line cut at 64 KiB]`);
    expect(lines[2]?.msg).toBe("next");
  });

  it("drops what exceeds the byte rate", async () => {
    const { lines, write } = open({ bytesPerSecond: 10, byteBurst: 10 });
    await write("12345\n12345\n12345\n");
    expect(lines.map((line) => line.msg)).toEqual(["12345", "12345"]);
  });

  it("keeps the last lines, and no more of each than is read", async () => {
    const { output, write } = open();
    await write(Array.from({ length: 50 }, (_, i) => `line ${i}\n`).join(""));
    expect(output.tail()).toHaveLength(20);
    expect(output.tail().at(-1)).toBe("line 49");
    await write(`${"x".repeat(5000)}\n`);
    expect(output.tail().at(-1)?.length).toBeLessThan(1100);
  });
});
