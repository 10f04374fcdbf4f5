/** Node's own HTTP parser, driven directly: the second opinion on every message that ours accepts. */
import { createRequire } from "node:module";
import type { Asked, Outcome } from "./messages.ts";

interface Parser {
  [callback: number]: unknown;
  initialize(type: number, resource: object, maxHeaderSize: number, lenient: number): void;
  /** Bytes consumed, which are fewer than given only where an upgrade begins. */
  execute(bytes: Buffer): number | (Error & { code: string; reason: string });
  finish(): undefined | (Error & { code: string; reason: string });
}

interface ParserClass {
  new (): Parser;
  readonly REQUEST: number;
  readonly RESPONSE: number;
  readonly kOnMessageBegin: number;
  readonly kOnHeaders: number;
  readonly kOnHeadersComplete: number;
  readonly kOnBody: number;
  readonly kOnMessageComplete: number;
  readonly kLenientNone: number;
}

// The parser has no public name; this module is where node:http itself takes it from.
const { HTTPParser, methods } = createRequire(import.meta.url)("node:_http_common") as {
  HTTPParser: ParserClass;
  methods: readonly string[];
};

/** Above every message of the corpus, so that limits make no difference. */
const MAX_HEADER_SIZE = 1 << 20;

/** The parser also numbers RTSP methods, which the list leaves out, and QUERY behind them. */
function methodName(index: number): string {
  return methods[index] ?? "QUERY";
}

interface Draft {
  readonly start: readonly (string | number)[];
  readonly fields: readonly string[];
  readonly keepAlive: boolean;
  readonly interim: boolean;
  body: string;
}

interface Drive {
  readonly done: readonly Draft[];
  readonly refused: string | undefined;
  /** Offset at which an upgrade stopped the parser. */
  readonly upgradedAt: number | undefined;
  /** A message is begun and not complete. */
  readonly open: boolean;
}

function drive(type: number, buffer: Buffer, ends: readonly number[], method: string, eof: boolean): Drive {
  const parser = new HTTPParser();
  const done: Draft[] = [];
  let current: Draft | undefined;
  let flushed: string[] = [];
  let flushedUrl = "";
  parser.initialize(type, {}, MAX_HEADER_SIZE, HTTPParser.kLenientNone);
  parser[HTTPParser.kOnMessageBegin] = () => {
    flushed = [];
    flushedUrl = "";
  };
  // Called for trailers, and in place of the arguments below when there are more than 32 fields.
  parser[HTTPParser.kOnHeaders] = (fields: string[], url: string) => {
    flushed.push(...fields);
    flushedUrl += url;
  };
  parser[HTTPParser.kOnHeadersComplete] = (
    _major: number,
    minor: number,
    fields: string[] | undefined,
    methodIndex: number,
    url: string | undefined,
    status: number,
    reason: string,
    _upgrade: boolean,
    keepAlive: boolean,
  ) => {
    const start =
      type === HTTPParser.REQUEST
        ? [methodName(methodIndex), url ?? flushedUrl, minor]
        : [status, reason, minor];
    const interim = type === HTTPParser.RESPONSE && status < 200 && status !== 101;
    current = { start, fields: [...flushed, ...(fields ?? [])], keepAlive, interim, body: "" };
    flushed = [];
    return type === HTTPParser.RESPONSE && method === "HEAD" ? 1 : 0;
  };
  parser[HTTPParser.kOnBody] = (bytes: Buffer) => {
    current!.body += bytes.toString("latin1");
  };
  parser[HTTPParser.kOnMessageComplete] = () => {
    done.push(current!);
    current = undefined;
  };
  let from = 0;
  for (const end of ends) {
    // A copy, since the parser keeps no reference to bytes of earlier pieces but may read beyond a view's end.
    const result = parser.execute(Buffer.from(buffer.subarray(from, end)));
    if (typeof result !== "number") {
      return { done, refused: `${result.code} ${result.reason}`, upgradedAt: undefined, open: false };
    }
    if (result < end - from) return { done, refused: undefined, upgradedAt: from + result, open: false };
    from = end;
  }
  const ended = eof ? parser.finish() : undefined;
  const refused = ended === undefined ? undefined : `${ended.code} ${ended.reason}`;
  return { done, refused, upgradedAt: undefined, open: current !== undefined };
}

const MARKER_REQUEST = "GET /the-next-message HTTP/1.1\r\nHost: next.example\r\n\r\n";
const MARKER_RESPONSE = "HTTP/1.1 299 The Next Message\r\nContent-Length: 0\r\n\r\n";

function describeDrive(result: Drive): string {
  if (result.refused !== undefined) return result.refused;
  return `${result.done.length} messages${result.open ? " and an open one" : ""}`;
}

function isMarker(draft: Draft | undefined): boolean {
  return draft?.start[1] === "/the-next-message" || draft?.start[0] === 299;
}

interface Expected {
  readonly size: number;
  readonly keepAlive: boolean;
  readonly untilClose: boolean;
}

/**
 * Reads the bytes `0..size` that ours took for one message. Where the connection stays open a marker message is
 * put behind them: Node must see it as the next message, so both parsers put the boundary at the same byte.
 * Where it does not, one byte less must leave Node waiting.
 */
function readExactly(
  type: number,
  buffer: Buffer,
  ends: readonly number[],
  method: string,
  expected: Expected,
): Outcome {
  const { size, keepAlive, untilClose } = expected;
  const own = [...ends.filter((end) => end < size), size];
  const alone = drive(type, buffer, own, method, untilClose);
  const finals = alone.done.filter((draft) => !draft.interim);
  const [final] = finals;
  if (alone.refused !== undefined || alone.open || finals.length !== 1 || alone.done.at(-1) !== final) {
    return { kind: "refused", code: "node", reason: describeDrive(alone) };
  }
  if (alone.upgradedAt !== undefined && alone.upgradedAt !== size) {
    return { kind: "refused", code: "node", reason: `upgraded at ${alone.upgradedAt}` };
  }
  const boundary = untilClose ? undefined : checkBoundary(type, buffer, own, method, keepAlive, alone);
  if (boundary !== undefined) return { kind: "refused", code: "node", reason: boundary };
  return {
    kind: "message",
    at: size,
    untilClose,
    message: {
      start: final!.start,
      interim: alone.done.filter((draft) => draft.interim).map((draft) => Number(draft.start[0])),
      fields: final!.fields,
      body: final!.body,
      keepAlive: final!.keepAlive,
    },
  };
}

function checkBoundary(
  type: number,
  buffer: Buffer,
  ends: readonly number[],
  method: string,
  keepAlive: boolean,
  alone: Drive,
): string | undefined {
  const size = ends.at(-1)!;
  const shorter = drive(type, buffer, [...ends.filter((end) => end < size - 1), size - 1], method, false);
  if (shorter.done.length >= alone.done.length) return "complete one byte before the end";
  if (!keepAlive) return undefined;
  const marker = type === HTTPParser.REQUEST ? MARKER_REQUEST : MARKER_RESPONSE;
  const both = Buffer.concat([buffer.subarray(0, size), Buffer.from(marker, "latin1")]);
  const result = drive(type, both, [...ends.slice(0, -1), both.length], method, false);
  if (result.upgradedAt === size) return undefined;
  const next = result.done.at(-1);
  if (result.refused !== undefined || !isMarker(next) || result.done.length !== alone.done.length + 1) {
    return `the next message was not found: ${describeDrive(result)}`;
  }
  return undefined;
}

/** Node's reading of the request that ours found in `buffer[0..size)`. */
export function nodeRequest(
  buffer: Buffer,
  ends: readonly number[],
  size: number,
  keepAlive: boolean,
): Outcome {
  return readExactly(HTTPParser.REQUEST, buffer, ends, "", { size, keepAlive, untilClose: false });
}

/** Node's reading of the response that ours found in `buffer[0..size)`; `untilClose`: its body ends with EOF. */
export function nodeResponse(
  buffer: Buffer,
  ends: readonly number[],
  asked: Asked,
  size: number,
  keepAlive: boolean,
  untilClose: boolean,
): Outcome {
  return readExactly(HTTPParser.RESPONSE, buffer, ends, asked.method, { size, keepAlive, untilClose });
}
