import { CR, DIGIT, LF, SP, TEXT } from "./chars.ts";
import { type Facts, type Fields, newFacts, readFields } from "./fields.ts";
import { type BodyFraming, CHUNKED_BODY, CLOSE_DELIMITED_BODY, NO_BODY } from "./framing.ts";
import { findHeadEnd, type HeadLimits } from "./head-end.ts";
import { refuseMalformed, RESPONSE_SIDE as SIDE } from "./refusal.ts";

/** A response up to and including its empty line. */
export interface ResponseHead extends Fields {
  /** 100..599. */
  readonly status: number;
  /** As sent, may be empty. */
  readonly reason: string;
  /** 1 for HTTP/1.1, 0 for HTTP/1.0. */
  readonly minor: 0 | 1;
  /** A 1xx head other than 101: it has no body and another head follows. */
  readonly interim: boolean;
  readonly framing: BodyFraming;
  /** The function keeps the connection open after this message. False for a close-delimited body and for 101. */
  readonly keepAlive: boolean;
  /** Set on 101 only: the protocol switched to. The bytes behind the head belong to that protocol. */
  readonly upgrade: string | undefined;
  /** Lower-case names that `Connection` nominates; not to be forwarded. Without `close` and `keep-alive`. */
  readonly hopByHop: readonly string[];
  /** Bytes consumed from `start`. */
  readonly bytes: number;
}

/** What a response depends on; a `RequestHead` serves. */
export interface ResponseContext {
  readonly method: string;
  /** The upgrade that was forwarded to the function, if any. */
  readonly upgrade: string | undefined;
}

function readMinor(text: string): 0 | 1 {
  if (text.startsWith("HTTP/1.1 ")) return 1;
  if (text.startsWith("HTTP/1.0 ")) return 0;
  return refuseMalformed(SIDE, "the status line does not begin with HTTP/1.1 or HTTP/1.0");
}

function readStatus(buffer: Uint8Array, at: number): number {
  const hundreds = buffer[at]!;
  const tens = buffer[at + 1]!;
  const ones = buffer[at + 2]!;
  if (hundreds < 0x31 || hundreds > 0x35 || DIGIT[tens] === 0 || DIGIT[ones] === 0) {
    refuseMalformed(SIDE, "the status is not a number from 100 to 599");
  }
  if (buffer[at + 3] !== SP) refuseMalformed(SIDE, "the status is not followed by a space");
  return (hundreds - 0x30) * 100 + (tens - 0x30) * 10 + (ones - 0x30);
}

function checkSwitch(facts: Facts, context: ResponseContext, minor: 0 | 1): void {
  if (context.upgrade === undefined) refuseMalformed(SIDE, "101 without a request to upgrade");
  if (minor === 0 || !facts.upgradeNominated || !facts.upgrade) {
    refuseMalformed(SIDE, "101 without Upgrade and Connection: upgrade");
  }
}

function checkInterim(facts: Facts, minor: 0 | 1): void {
  if (minor === 0) refuseMalformed(SIDE, "an interim response in HTTP/1.0");
  if (facts.close) refuseMalformed(SIDE, "an interim response that closes the connection");
}

function frame(facts: Facts, status: number, minor: 0 | 1, method: string): BodyFraming {
  if (facts.chunked && minor === 0) refuseMalformed(SIDE, "Transfer-Encoding in HTTP/1.0");
  if (status < 200 || status === 204) {
    if (facts.chunked || facts.contentLength > 0) refuseMalformed(SIDE, `a body announced with ${status}`);
    return NO_BODY;
  }
  if (status === 304 || method === "HEAD") return NO_BODY;
  if (facts.chunked) return CHUNKED_BODY;
  if (facts.contentLength === -1) return CLOSE_DELIMITED_BODY;
  return facts.contentLength === 0 ? NO_BODY : { kind: "length", length: facts.contentLength };
}

/**
 * Reads a response head from `buffer[start..end)`; undefined while it is incomplete, with `scannedTo` as for
 * `parseRequestHead`. The answer to a CONNECT is never read, since requests with CONNECT are refused.
 *
 * Bytes behind the end of a final message, while no further request is under way, are a smuggled second
 * response: the owner of the connection must close it.
 *
 * Throws a `PlatformError` with `malformed_response` (502).
 */
export function parseResponseHead(
  buffer: Buffer,
  start: number,
  end: number,
  limits: HeadLimits,
  context: ResponseContext,
  scannedTo: number = start,
): ResponseHead | undefined {
  const headEnd = findHeadEnd(buffer, start, end, limits, scannedTo, SIDE);
  if (headEnd === -1) return undefined;
  const text = buffer.toString("latin1", start, headEnd);
  const minor = readMinor(text);
  const status = readStatus(buffer, start + 9);
  let at = start + 13;
  while (TEXT[buffer[at]!] === 1) at += 1;
  if (buffer[at] !== CR || buffer[at + 1] !== LF) {
    refuseMalformed(SIDE, "a control character in the status line");
  }
  const reason = text.slice(13, at - start);
  const facts = newFacts();
  readFields(buffer, at + 2, text, start, facts, limits.maxHeaders, SIDE);
  if (status === 101) checkSwitch(facts, context, minor);
  else if (status < 200) checkInterim(facts, minor);
  const framing = frame(facts, status, minor, context.method);
  return {
    names: facts.names,
    lower: facts.lower,
    values: facts.values,
    status,
    reason,
    minor,
    interim: status < 200 && status !== 101,
    framing,
    keepAlive:
      !facts.close && status !== 101 && framing !== CLOSE_DELIMITED_BODY && (minor === 1 || facts.keepAlive),
    upgrade: status === 101 ? facts.upgrade : undefined,
    hopByHop: facts.hopByHop,
    bytes: headEnd - start,
  };
}
