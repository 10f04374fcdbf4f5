import { DIGIT } from "./chars.ts";
import { refuse, refuseMalformed, type Side } from "./refusal.ts";

/** How the end of a message body is found (RFC 9112, 6.3). */
export type BodyFraming =
  | { readonly kind: "none" }
  | { readonly kind: "length"; readonly length: number }
  | { readonly kind: "chunked" }
  /** Responses only: the body ends where the connection does. */
  | { readonly kind: "close" };

export const NO_BODY: BodyFraming = { kind: "none" };
export const CHUNKED_BODY: BodyFraming = { kind: "chunked" };
export const CLOSE_DELIMITED_BODY: BodyFraming = { kind: "close" };

/** 2^53 - 1 has 16 digits; leading zeros beyond that are nobody's honest spelling. */
const MAX_LENGTH_DIGITS = 16;

/** `Content-Length` at `start..end`: digits only, no sign, no list, at most 2^53 - 1. */
export function readContentLength(buffer: Uint8Array, start: number, end: number, side: Side): number {
  if (start === end) refuseMalformed(side, "Content-Length is empty");
  if (end - start > MAX_LENGTH_DIGITS) refuseMalformed(side, "Content-Length is too long");
  let length = 0;
  for (let at = start; at < end; at += 1) {
    const byte = buffer[at]!;
    if (DIGIT[byte] === 0) refuseMalformed(side, "Content-Length is not a plain number");
    length = length * 10 + (byte - 0x30);
  }
  if (length > Number.MAX_SAFE_INTEGER) refuseMalformed(side, "Content-Length is too large");
  return length;
}

const CODING = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:[ \t]*;[ \t]*[\x21-\x7e][\t\x20-\x7e]*)?$/;

/** Accepts the one coding that this proxy speaks, `chunked`, alone; anything else is refused. */
export function checkTransferEncoding(value: string, side: Side): void {
  if (value === "chunked") return;
  if (value.toLowerCase() === "chunked") return;
  const codings = value.split(/[ \t]*,[ \t]*/);
  if (!codings.every((coding) => CODING.test(coding))) {
    refuseMalformed(side, "Transfer-Encoding is not a list of codings");
  }
  const chunked = codings.findIndex((coding) => /^chunked(?![^;\s])/i.test(coding));
  if (chunked !== -1 && (chunked !== codings.length - 1 || codings.length === 1)) {
    refuseMalformed(side, "chunked must be the last coding, once and without parameters");
  }
  refuse(side, side.coding, "a transfer coding other than chunked");
}
