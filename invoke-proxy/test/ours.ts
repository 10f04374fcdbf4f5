import { PlatformError } from "@hanzo-fn/contract";
import { createBodyDecoder } from "../src/http1/body.ts";
import {
  type BodyFraming,
  type HeadLimits,
  parseRequestHead,
  parseResponseHead,
  type RequestHead,
  type ResponseHead,
} from "../src/http1/head.ts";
import type { Asked, Message, Outcome } from "./messages.ts";

export const LIMITS: HeadLimits = { maxHeadBytes: 16_384, maxTargetBytes: 8192, maxHeaders: 100 };

type Read<Head> = (end: number, start: number, scannedTo: number) => Head | undefined;

interface Found<Head> {
  readonly head: Head;
  /** Index of the piece in which the head ended. */
  readonly piece: number;
  readonly at: number;
}

/** Gives the parser one piece after the other, as a connection does, until the head is complete. */
function findHead<Head extends { readonly bytes: number }>(
  read: Read<Head>,
  ends: readonly number[],
  start: number,
  from: number,
): Found<Head> | undefined {
  let scannedTo = start;
  for (let piece = from; piece < ends.length; piece += 1) {
    const head = read(ends[piece]!, start, scannedTo);
    if (head !== undefined) return { head, piece, at: start + head.bytes };
    scannedTo = ends[piece]!;
  }
  return undefined;
}

interface Body {
  readonly body: string;
  readonly at: number;
  readonly done: boolean;
  readonly untilClose: boolean;
}

function readBody(
  side: "request" | "response",
  framing: BodyFraming,
  buffer: Buffer,
  found: Found<unknown>,
  ends: readonly number[],
): Body {
  const decoder = createBodyDecoder(side, framing);
  let body = "";
  let at = found.at;
  for (let piece = found.piece; piece < ends.length && !decoder.done; piece += 1) {
    at += decoder.write(buffer, at, ends[piece]!, (bytes, start, end) => {
      if (start >= end) throw new Error("an empty run of data");
      body += bytes.toString("latin1", start, end);
    });
  }
  if (framing.kind === "close") decoder.finish();
  return { body, at, done: decoder.done, untilClose: framing.kind === "close" };
}

function pairs(head: RequestHead | ResponseHead): string[] {
  return head.names.flatMap((name, index) => {
    if (name.toLowerCase() !== head.lower[index]) throw new Error(`lower case of ${name}`);
    return [name, head.values[index]!];
  });
}

function guarded(parse: () => Outcome): Outcome {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    return { kind: "refused", code: error.code, reason: error.message };
  }
}

function outcome(message: Omit<Message, "body">, body: Body): Outcome {
  if (!body.done) return { kind: "incomplete" };
  return {
    kind: "message",
    message: { ...message, body: body.body },
    at: body.at,
    untilClose: body.untilClose,
  };
}

/** Our reading of one request whose bytes arrive in pieces that end at `ends`. */
export function readRequest(buffer: Buffer, ends: readonly number[]): Outcome {
  return guarded(() => {
    const found = findHead(
      (end, start, scannedTo) => parseRequestHead(buffer, start, end, LIMITS, scannedTo),
      ends,
      0,
      0,
    );
    if (found === undefined) return { kind: "incomplete" };
    const { head } = found;
    const body = readBody("request", head.framing, buffer, found, ends);
    const start = [head.method, head.target, head.minor];
    return outcome({ start, interim: [], fields: pairs(head), keepAlive: head.keepAlive }, body);
  });
}

/** Our reading of one response, its interim heads included; the connection ends behind the last piece. */
export function readResponse(buffer: Buffer, ends: readonly number[], asked: Asked): Outcome {
  const context = { method: asked.method, upgrade: asked.upgrade ?? undefined };
  return guarded(() => {
    const interim: number[] = [];
    let at = 0;
    let piece = 0;
    for (;;) {
      const found = findHead(
        (end, start, scannedTo) => parseResponseHead(buffer, start, end, LIMITS, context, scannedTo),
        ends,
        at,
        piece,
      );
      if (found === undefined) return { kind: "incomplete" };
      const { head } = found;
      if (!head.interim) {
        const body = readBody("response", head.framing, buffer, found, ends);
        const start = [head.status, head.reason, head.minor];
        return outcome({ start, interim, fields: pairs(head), keepAlive: head.keepAlive }, body);
      }
      interim.push(head.status);
      ({ at, piece } = found);
    }
  });
}
