import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { toWebStream } from "./web-stream.ts";

describe("toWebStream", () => {
  it("gives what is there, then what comes, then the end", async () => {
    const source = new PassThrough();
    source.write("one");
    const reader = toWebStream(source, { explain: (error) => error, cancelled: () => undefined }).getReader();
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe("one");
    const second = reader.read();
    source.end("two");
    expect(Buffer.from((await second).value ?? []).toString()).toBe("two");
    expect((await reader.read()).done).toBe(true);
  });

  it("takes nothing ahead of its reader", async () => {
    const source = new PassThrough({ highWaterMark: 10 });
    const stream = toWebStream(source, { explain: (error) => error, cancelled: () => undefined });
    expect(source.write(Buffer.alloc(10))).toBe(false);
    const reader = stream.getReader();
    await reader.read();
    expect(source.writableNeedDrain || source.readableLength === 0).toBe(true);
    source.destroy();
  });

  it("fails a waiting read with the explained error, and says when nobody reads on", async () => {
    const source = new PassThrough();
    const explain = (error: Error): Error => new RangeError(`explained: ${error.message}`);
    const reader = toWebStream(source, { explain, cancelled: () => undefined }).getReader();
    const waiting = reader.read();
    source.destroy(new Error("cut"));
    await expect(waiting).rejects.toThrow("explained: cut");
    let cancelled = false;
    await toWebStream(new PassThrough(), { explain, cancelled: () => (cancelled = true) }).cancel();
    expect(cancelled).toBe(true);
  });

  it("fails where the source closes without its end", async () => {
    const source = new PassThrough();
    const reader = toWebStream(source, { explain: (error) => error, cancelled: () => undefined }).getReader();
    const waiting = reader.read();
    source.destroy();
    await expect(waiting).rejects.toThrow("closed");
  });
});
