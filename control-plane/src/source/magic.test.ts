import { describe, expect, it } from "vitest";
import { createMagicDetector } from "./magic.ts";

function kindOf(bytes: Uint8Array, piece = bytes.length || 1): string | undefined {
  const detector = createMagicDetector();
  for (let at = 0; at < bytes.length; at += piece) detector.push(bytes.subarray(at, at + piece));
  return detector.kind();
}

function pe(offset: number, signature = "PE\0\0"): Buffer {
  const bytes = Buffer.alloc(offset + 100);
  bytes.write("MZ");
  bytes.writeUInt32LE(offset, 0x3c);
  bytes.write(signature, offset, "latin1");
  return bytes;
}

describe("createMagicDetector", () => {
  it.each([
    ["7f454c4602010100", "ELF"],
    ["feedface00000000", "Mach-O"],
    ["feedfacf00000000", "Mach-O"],
    ["cefaedfe07000000", "Mach-O"],
    ["cffaedfe07000001", "Mach-O"],
    ["cafebabe00000002", "Mach-O (fat)"],
    ["cafebabf00000002", "Mach-O (fat)"],
    ["bebafeca02000000", "Mach-O (fat)"],
  ])("knows %s as %s, in one piece or byte by byte", (hex, kind) => {
    const bytes = Buffer.from(hex, "hex");
    expect(kindOf(bytes)).toBe(kind);
    expect(kindOf(bytes, 1)).toBe(kind);
  });

  it.each([
    ["a Java class", Buffer.from("cafebabe00000034", "hex")],
    ["a script", Buffer.from("#!/bin/sh\n")],
    ["a WebAssembly module", Buffer.from("0061736d01000000", "hex")],
    ["text that begins with MZ", Buffer.from(`MZ${"x".repeat(200)}`)],
    ["an old DOS program's head without a PE header", pe(128, "XX\0\0")],
    ["three bytes", Buffer.from("7f454c", "hex")],
    ["nothing", Buffer.alloc(0)],
  ])("leaves %s alone", (_what, bytes) => {
    expect(kindOf(bytes)).toBeUndefined();
  });

  it.each([64, 128, 5000])("finds a PE header at %i, however the bytes come", (offset) => {
    for (const piece of [1, 7, 64, 4096, 10_000]) expect(kindOf(pe(offset), piece)).toBe("PE");
  });

  it("finds a PE header that overlaps the DOS head", () => {
    const bytes = pe(4);
    expect(kindOf(bytes)).toBe("PE");
  });
});
