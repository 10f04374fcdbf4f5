import { COLON, CR, LF, SP, TAB, TEXT, TOKEN } from "./chars.ts";
import { knownName, ROLE } from "./field-names.ts";
import { checkTransferEncoding, readContentLength } from "./framing.ts";
import { refuse, refuseMalformed, type Side } from "./refusal.ts";

/** The header section of a message, in the order sent. The three arrays run in parallel. */
export interface Fields {
  /** As sent. */
  readonly names: string[];
  /** ASCII lower case. */
  readonly lower: string[];
  /** Without surrounding whitespace; bytes as latin1, so that writing them as latin1 gives them back. */
  readonly values: string[];
}

/** What the header section says about the message itself; filled while the fields are read. */
export interface Facts extends Fields {
  /** -1: no Content-Length. */
  contentLength: number;
  chunked: boolean;
  close: boolean;
  keepAlive: boolean;
  /** `Connection` names `upgrade`. */
  upgradeNominated: boolean;
  /** Lower-case names that `Connection` nominates, without `close` and `keep-alive`. */
  hopByHop: readonly string[];
  upgrade: string | undefined;
  host: string | undefined;
  expect: string | undefined;
}

const NO_NAMES: readonly string[] = [];

export function newFacts(): Facts {
  return {
    names: [],
    lower: [],
    values: [],
    contentLength: -1,
    chunked: false,
    close: false,
    keepAlive: false,
    upgradeNominated: false,
    hopByHop: NO_NAMES,
    upgrade: undefined,
    host: undefined,
    expect: undefined,
  };
}

const CONNECTION_OPTION = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;

function nominate(facts: Facts, option: string, side: Side): void {
  if (option === "close") {
    facts.close = true;
  } else if (option === "keep-alive") {
    facts.keepAlive = true;
  } else if (CONNECTION_OPTION.test(option)) {
    if (option === "upgrade") facts.upgradeNominated = true;
    facts.hopByHop = [...facts.hopByHop, option];
  } else {
    refuseMalformed(side, "Connection is not a list of names");
  }
}

function readConnection(facts: Facts, value: string, side: Side): void {
  const lower = value.toLowerCase();
  if (!lower.includes(",")) {
    nominate(facts, lower, side);
    return;
  }
  for (const option of lower.split(/[ \t]*,[ \t]*/)) nominate(facts, option, side);
}

function endsInTab(buffer: Uint8Array, valueEnd: number): boolean {
  let at = valueEnd;
  while (buffer[at] === SP) at += 1;
  return buffer[at] === TAB;
}

function applyRole(
  facts: Facts,
  role: number,
  value: string,
  buffer: Uint8Array,
  start: number,
  end: number,
  side: Side,
): void {
  switch (role) {
    case ROLE.contentLength:
      if (facts.contentLength !== -1) refuseMalformed(side, "more than one Content-Length");
      facts.contentLength = readContentLength(buffer, start, end, side);
      break;
    case ROLE.transferEncoding:
      if (facts.chunked) refuseMalformed(side, "more than one Transfer-Encoding");
      // Node refuses a tab here where it skips a space: a difference between parsers, so not for us to carry.
      if (endsInTab(buffer, end)) {
        refuseMalformed(side, "a tab behind Transfer-Encoding");
      }
      checkTransferEncoding(value, side);
      facts.chunked = true;
      break;
    case ROLE.proxyConnection:
      // Not a field of any standard, but parsers obey it: its word counts where it ends the connection.
      if (/(?:^|[, \t])close(?:$|[, \t])/i.test(value)) facts.close = true;
      break;
    case ROLE.connection:
      readConnection(facts, value, side);
      break;
    case ROLE.upgrade:
      facts.upgrade = facts.upgrade === undefined ? value : `${facts.upgrade}, ${value}`;
      break;
    case ROLE.host:
      if (facts.host !== undefined && side.subject === "request") {
        refuseMalformed(side, "more than one Host");
      }
      facts.host = value;
      break;
    default:
      facts.expect = facts.expect === undefined ? value : `${facts.expect}, ${value}`;
  }
}

/** Says which rule of RFC 9112 the byte after a field name broke. */
export function refuseNameEnd(side: Side, byte: number, atLineStart: boolean): never {
  if (atLineStart && (byte === SP || byte === TAB)) refuseMalformed(side, "a folded header line");
  if (byte === SP || byte === TAB) refuseMalformed(side, "whitespace before the colon of a header");
  if (byte === COLON) refuseMalformed(side, "a header without a name");
  if (byte === LF) refuseMalformed(side, "a bare LF");
  if (byte === CR) refuseMalformed(side, "a header line without a colon");
  refuseMalformed(side, "a header name with a character that is not allowed");
}

/** Says why a value did not end in CRLF. */
export function refuseValueEnd(side: Side, byte: number): never {
  if (byte === CR) refuseMalformed(side, "a bare CR");
  if (byte === LF) refuseMalformed(side, "a bare LF");
  refuseMalformed(side, "a control character in a header value");
}

/**
 * Reads the field lines from `start` to the empty line. `text` is the latin1 text of the bytes from `base`
 * on, so that every name and value is a slice of one string. The caller has seen CR LF CR LF, which ends
 * every loop here.
 */
export function readFields(
  buffer: Uint8Array,
  start: number,
  text: string,
  base: number,
  facts: Facts,
  maxHeaders: number,
  side: Side,
): void {
  const { names, lower, values } = facts;
  let at = start;
  while (buffer[at] !== CR) {
    const nameStart = at;
    while (TOKEN[buffer[at]!] === 1) at += 1;
    const nameEnd = at;
    if (buffer[at] !== COLON || nameEnd === nameStart) {
      refuseNameEnd(side, buffer[at]!, nameEnd === nameStart);
    }
    at += 1;
    while (buffer[at] === SP || buffer[at] === TAB) at += 1;
    const valueStart = at;
    while (TEXT[buffer[at]!] === 1) at += 1;
    if (buffer[at] !== CR || buffer[at + 1] !== LF) refuseValueEnd(side, buffer[at]!);
    let valueEnd = at;
    while (valueEnd > valueStart && (buffer[valueEnd - 1] === SP || buffer[valueEnd - 1] === TAB)) {
      valueEnd -= 1;
    }
    at += 2;
    if (names.length === maxHeaders) refuse(side, side.headTooLarge, `more than ${maxHeaders} headers`);
    const name = text.slice(nameStart - base, nameEnd - base);
    const value = text.slice(valueStart - base, valueEnd - base);
    const known = knownName(buffer, nameStart, nameEnd);
    names.push(name);
    values.push(value);
    if (known === undefined) {
      lower.push(name.toLowerCase());
      continue;
    }
    lower.push(known.lower);
    if (known.role !== ROLE.none) applyRole(facts, known.role, value, buffer, valueStart, valueEnd, side);
  }
  if (buffer[at + 1] !== LF) refuseMalformed(side, "a bare CR");
  if (facts.chunked && facts.contentLength !== -1) {
    refuseMalformed(side, "both Content-Length and Transfer-Encoding");
  }
}
