import { CR, LF, PATH, QUERY, QUERY_MARK, SP, TOKEN } from "./chars.ts";
import { type Facts, type Fields, newFacts, readFields } from "./fields.ts";
import { type BodyFraming, CHUNKED_BODY, NO_BODY } from "./framing.ts";
import { findHeadEnd, type HeadLimits } from "./head-end.ts";
import { refuse, refuseMalformed, REQUEST_SIDE as SIDE } from "./refusal.ts";
import { isAuthority, sameAuthority, splitAbsolute } from "./target.ts";

/** A request up to and including its empty line. */
export interface RequestHead extends Fields {
  readonly method: string;
  /** The request target as sent. */
  readonly target: string;
  /** Path and query to route by: the target, or what follows the authority of an absolute target; or `*`. */
  readonly path: string;
  /** 1 for HTTP/1.1, 0 for HTTP/1.0. */
  readonly minor: 0 | 1;
  readonly framing: BodyFraming;
  /** The client wants the connection to stay open after the answer. */
  readonly keepAlive: boolean;
  /** The protocols of `Upgrade`, where `Connection: upgrade` makes the field valid (HTTP/1.1 only). */
  readonly upgrade: string | undefined;
  /** `Expect: 100-continue` of an HTTP/1.1 request. */
  readonly expectContinue: boolean;
  /** The authority asked for; undefined only for HTTP/1.0 without `Host`. */
  readonly host: string | undefined;
  /** Lower-case names that `Connection` nominates; not to be forwarded. Without `close` and `keep-alive`. */
  readonly hopByHop: readonly string[];
  /** Bytes consumed from `start`, a tolerated leading empty line included. The body begins behind them. */
  readonly bytes: number;
}

/** The methods that this proxy forwards; CONNECT is not among them. */
export const METHODS: ReadonlySet<string> = new Set(
  `GET POST PUT DELETE HEAD OPTIONS PATCH TRACE ACL BIND CHECKOUT COPY LINK LOCK M-SEARCH MERGE MKACTIVITY
   MKCALENDAR MKCOL MOVE NOTIFY PROPFIND PROPPATCH PURGE QUERY REBIND REPORT SEARCH SOURCE SUBSCRIBE UNBIND
   UNLINK UNLOCK UNSUBSCRIBE`.split(/\s+/),
);

function checkMethod(method: string): void {
  if (METHODS.has(method)) return;
  if (method === "PRI") refuse(SIDE, SIDE.version, "HTTP/2 is not spoken here");
  refuse(SIDE, "not_implemented", "a method that is not supported");
}

function readMinor(version: string): 0 | 1 {
  if (version === "HTTP/1.1") return 1;
  if (version === "HTTP/1.0") return 0;
  if (/^HTTP\/\d\.\d$/.test(version))
    refuse(SIDE, SIDE.version, "only HTTP/1.0 and HTTP/1.1 are spoken here");
  return refuseMalformed(SIDE, "the request line does not end in an HTTP version");
}

function refuseTargetEnd(byte: number): never {
  if (byte === LF) refuseMalformed(SIDE, "a bare LF");
  if (byte === CR) refuseMalformed(SIDE, "a request line without a version");
  if (byte === 0x23) refuseMalformed(SIDE, "a fragment in the request target");
  refuseMalformed(SIDE, "a character in the request target that is not allowed");
}

function resolveTarget(target: string, method: string, facts: Facts, minor: 0 | 1): string {
  if (facts.host === undefined) {
    if (minor === 1) refuseMalformed(SIDE, "no Host");
  } else if (!isAuthority(facts.host)) {
    refuseMalformed(SIDE, "Host is not a host name with an optional port");
  }
  const first = target.charCodeAt(0);
  if (first === 0x2f) return target;
  if (target === "*") {
    if (method !== "OPTIONS") refuseMalformed(SIDE, "the target * belongs to OPTIONS");
    return target;
  }
  const absolute = splitAbsolute(target);
  if (absolute === undefined) refuseMalformed(SIDE, "the request target is neither a path nor an http URL");
  if (facts.host !== undefined && !sameAuthority(absolute, facts.host)) {
    refuseMalformed(SIDE, "Host and the authority of the request target differ");
  }
  facts.host = absolute.authority;
  return absolute.path;
}

function expectsContinue(facts: Facts, minor: 0 | 1): boolean {
  if (facts.expect === undefined || minor === 0) return false;
  if (facts.expect.toLowerCase() === "100-continue") return true;
  return refuse(SIDE, "expectation_failed", "an expectation other than 100-continue");
}

function frame(facts: Facts, minor: 0 | 1): BodyFraming {
  if (facts.chunked) {
    if (minor === 0) refuseMalformed(SIDE, "Transfer-Encoding in HTTP/1.0");
    return CHUNKED_BODY;
  }
  return facts.contentLength > 0 ? { kind: "length", length: facts.contentLength } : NO_BODY;
}

/**
 * Reads a request head from `buffer[start..end)` by RFC 9112 and refuses whatever two parsers could read in two
 * ways. Returns undefined while the head is incomplete: call again with more bytes and with `scannedTo` set to
 * the `end` of that call (an offset into the same buffer), so that nothing is scanned twice.
 *
 * One empty line before the request line is skipped (RFC 9112, 2.2). An absolute target is accepted when `Host`,
 * if sent, agrees with it.
 *
 * Throws a `PlatformError`: `malformed_http` 400, `uri_too_long` 414, `expectation_failed` 417, `head_too_large`
 * 431, `not_implemented` 501 (method, transfer coding), `http_version_not_supported` 505.
 */
export function parseRequestHead(
  buffer: Buffer,
  start: number,
  end: number,
  limits: HeadLimits,
  scannedTo: number = start,
): RequestHead | undefined {
  let at = start;
  if (buffer[at] === CR && at + 1 < end && buffer[at + 1] === LF) at += 2;
  const headEnd = findHeadEnd(buffer, at, end, limits, scannedTo, SIDE);
  if (headEnd === -1) return undefined;
  const base = at;
  const text = buffer.toString("latin1", base, headEnd);
  while (TOKEN[buffer[at]!] === 1) at += 1;
  if (buffer[at] !== SP || at === base)
    refuseMalformed(SIDE, "the request line does not begin with a method");
  const method = text.slice(0, at - base);
  checkMethod(method);
  const targetStart = (at += 1);
  while (PATH[buffer[at]!] === 1) at += 1;
  if (buffer[at] === QUERY_MARK) {
    at += 1;
    while (QUERY[buffer[at]!] === 1) at += 1;
  }
  if (at - targetStart > limits.maxTargetBytes) {
    refuse(SIDE, "uri_too_long", `the target is longer than ${limits.maxTargetBytes} bytes`);
  }
  if (buffer[at] !== SP || at === targetStart) refuseTargetEnd(buffer[at]!);
  const target = text.slice(targetStart - base, at - base);
  at += 1;
  const lineEnd = text.indexOf("\r", at - base);
  const minor = readMinor(text.slice(at - base, lineEnd));
  if (text.charCodeAt(lineEnd + 1) !== LF) refuseMalformed(SIDE, "a bare CR");
  const facts = newFacts();
  readFields(buffer, base + lineEnd + 2, text, base, facts, limits.maxHeaders, SIDE);
  const path = resolveTarget(target, method, facts, minor);
  return {
    names: facts.names,
    lower: facts.lower,
    values: facts.values,
    method,
    target,
    path,
    minor,
    framing: frame(facts, minor),
    keepAlive: !facts.close && (minor === 1 || facts.keepAlive),
    upgrade: facts.upgradeNominated && minor === 1 && facts.upgrade ? facts.upgrade : undefined,
    expectContinue: expectsContinue(facts, minor),
    host: facts.host,
    hopByHop: facts.hopByHop,
    bytes: headEnd - start,
  };
}
