/** Tells executable binaries by their magic number (HIP-60, Supply Chain Security), whatever their name or mode. */
export interface MagicDetector {
  push(chunk: Uint8Array): void;
  /** The kind of executable, or undefined; valid once everything has been pushed. */
  kind(): string | undefined;
}

const HEAD_BYTES = 64;
const MACH_O: ReadonlySet<number> = new Set([0xfeedface, 0xfeedfacf, 0xcefaedfe, 0xcffaedfe]);
const MACH_O_FAT: ReadonlySet<number> = new Set([0xcafebabe, 0xcafebabf, 0xbebafeca, 0xbfbafeca]);
/** Java class files share 0xcafebabe; there the next word is a version, which is never below this. */
const FIRST_JAVA_VERSION = 45;

function unixKind(head: Buffer): string | undefined {
  if (head.length < 4) return undefined;
  const magic = head.readUInt32BE(0);
  if (magic === 0x7f454c46) return "ELF";
  if (MACH_O.has(magic)) return "Mach-O";
  if (!MACH_O_FAT.has(magic)) return undefined;
  const isJava = magic === 0xcafebabe && head.length >= 8 && head.readUInt32BE(4) >= FIRST_JAVA_VERSION;
  return isJava ? undefined : "Mach-O (fat)";
}

/** Adds to `have`, the bytes from position `at` on, what a chunk that begins at `start` holds of them. */
function take(chunk: Uint8Array, start: number, at: number, bytes: number, have: Buffer<ArrayBuffer>) {
  const from = at + have.length - start;
  if (have.length === bytes || from < 0 || from >= chunk.length) return have;
  return Buffer.concat([have, chunk.subarray(from, from + bytes - have.length)]);
}

export function createMagicDetector(): MagicDetector {
  let head: Buffer<ArrayBuffer> = Buffer.alloc(0);
  let signature: Buffer<ArrayBuffer> = Buffer.alloc(0);
  let seen = 0;

  /** Where the PE header has to be, according to an MZ head. */
  const peOffset = (): number =>
    head.length === HEAD_BYTES && head.readUInt16BE(0) === 0x4d5a ? head.readUInt32LE(0x3c) : -1;

  return {
    push(chunk) {
      head = take(chunk, seen, 0, HEAD_BYTES, head);
      const offset = peOffset();
      if (offset >= HEAD_BYTES) signature = take(chunk, seen, offset, 4, signature);
      else if (offset >= 0) signature = head.subarray(offset, offset + 4);
      seen += chunk.length;
    },
    kind() {
      return unixKind(head) ?? (signature.toString("latin1") === "PE\0\0" ? "PE" : undefined);
    },
  };
}
