import { describe, expect, it } from "vitest";
import { FrameReader, frameHead, OPCODE } from "./frames.ts";
import { switchingHead } from "./handshake.ts";

/** A client's frame, masked with 1 2 3 4. */
function frame(opcode: number, payload: Uint8Array, final = true): Buffer {
  const head = frameHead(opcode, payload.length);
  head[0] = (final ? 0x80 : 0) | opcode;
  head[1] = (head[1] ?? 0) | 0x80;
  const mask = Buffer.from([1, 2, 3, 4]);
  return Buffer.concat([head, mask, payload.map((byte, i) => byte ^ (mask[i % 4] ?? 0))]);
}

function readerOf(): { reader: FrameReader; seen: unknown[] } {
  const seen: unknown[] = [];
  const reader = new FrameReader({
    message: (message) => seen.push(typeof message === "string" ? message : [...message]),
    ping: (payload) => seen.push({ ping: payload.toString() }),
    close: (code, reason) => seen.push({ code, reason }),
    broken: (code, reason) => seen.push({ broken: code, reason }),
  });
  return { reader, seen };
}

describe("FrameReader", () => {
  it("puts frames together from single bytes, and takes several from one chunk", () => {
    const bytes = Buffer.concat([
      frame(OPCODE.text, Buffer.from("gr\u00fc\u00dfe")),
      frame(OPCODE.ping, Buffer.from("p")),
      frame(OPCODE.binary, new Uint8Array([1, 2]), false),
      frame(OPCODE.pong, new Uint8Array(0)),
      frame(OPCODE.continuation, new Uint8Array([3])),
      frame(OPCODE.text, new Uint8Array(0)),
      frame(OPCODE.close, Buffer.from([0x03, 0xe8, 0x62])),
    ]);
    const expected = ["gr\u00fc\u00dfe", { ping: "p" }, [1, 2, 3], "", { code: 1000, reason: "b" }];
    const single = readerOf();
    for (const byte of bytes) single.reader.push(Buffer.from([byte]));
    expect(single.seen).toEqual(expected);
    const whole = readerOf();
    whole.reader.push(Buffer.from(bytes));
    expect(whole.seen).toEqual(expected);
  });

  it.each([125, 126, 65_535, 65_536])("reads a length of %i", (size) => {
    const { reader, seen } = readerOf();
    reader.push(frame(OPCODE.binary, new Uint8Array(size).fill(7)));
    expect((seen[0] as number[]).length).toBe(size);
    expect((seen[0] as number[]).every((byte) => byte === 7)).toBe(true);
  });

  it.each([
    ["a code of one byte", frame(OPCODE.close, new Uint8Array([3])), 1002],
    ["the code 1006", frame(OPCODE.close, Buffer.from([0x03, 0xee])), 1002],
    ["a reason that is no UTF-8", frame(OPCODE.close, Buffer.from([0x03, 0xe8, 0xff])), 1007],
    ["a text that is no UTF-8", frame(OPCODE.text, Buffer.from([0xff])), 1007],
    ["a length over the limit, before its bytes", Buffer.from("82ff000000000100000101020304", "hex"), 1009],
  ])("breaks off at %s, once", (_, bytes, code) => {
    const { reader, seen } = readerOf();
    reader.push(bytes);
    reader.push(frame(OPCODE.text, Buffer.from("more")));
    expect(seen).toEqual([{ broken: code, reason: expect.any(String) }]);
  });

  it("gives 1005 for a close without a code", () => {
    const { reader, seen } = readerOf();
    reader.push(frame(OPCODE.close, new Uint8Array(0)));
    expect(seen).toEqual([{ code: 1005, reason: "" }]);
  });
});

describe("switchingHead", () => {
  it("accepts the key of the standard's example, and adds the platform's headers", () => {
    const head = switchingHead("dGhlIHNhbXBsZSBub25jZQ==", ["X-Function-Instance", "i"]);
    expect(head).toMatch(/^HTTP\/1\.1 101 .*\r\n/);
    expect(head).toContain("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n");
    expect(head.endsWith("X-Function-Instance: i\r\n\r\n")).toBe(true);
  });
});
