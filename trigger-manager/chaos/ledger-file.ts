import { closeSync, openSync, writeSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { LedgerLine } from "./evidence.ts";

export interface LedgerFile extends Disposable {
  /** One line in one write to the end of the file: of processes that are killed in between, none is half there. */
  append(...lines: readonly LedgerLine[]): void;
}

export function openLedger(file: string): LedgerFile {
  const descriptor = openSync(file, "a");
  return {
    append(...lines) {
      writeSync(descriptor, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
    },
    [Symbol.dispose]: () => closeSync(descriptor),
  };
}

/** What was appended to the file so far. */
export async function readLines(file: string): Promise<LedgerLine[]> {
  const text = await readFile(file, "utf8");
  // What comes after the last line break is being written.
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  return whole
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as LedgerLine);
}
