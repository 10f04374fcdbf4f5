import { createHash } from "node:crypto";

/** One number in [0, 1) that these words determine, in whichever process they are looked at. */
export function chance(...words: readonly (string | number)[]): number {
  return createHash("sha256").update(words.join("\n")).digest().readUIntBE(0, 6) / 2 ** 48;
}
