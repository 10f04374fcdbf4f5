import { readFileSync } from "node:fs";
import type { Case, InvalidCase, InvalidResponseCase, ResponseCase } from "./corpus/cases.ts";

function read<T extends Case>(name: string): readonly T[] {
  return JSON.parse(readFileSync(new URL(`corpus/${name}.json`, import.meta.url), "utf8")) as readonly T[];
}

export const VALID_REQUESTS = read<Case>("valid-requests");
export const VALID_RESPONSES = read<ResponseCase>("valid-responses");
export const INVALID_REQUESTS = read<InvalidCase>("invalid-requests");
export const INVALID_RESPONSES = read<InvalidResponseCase>("invalid-responses");

export function bytesOf(one: Case): Buffer {
  return Buffer.from(one.bytes, "latin1");
}
