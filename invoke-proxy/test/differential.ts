import { isDeepStrictEqual } from "node:util";
import type { Asked, Outcome } from "./messages.ts";
import { nodeRequest, nodeResponse } from "./node-parser.ts";
import { readRequest, readResponse } from "./ours.ts";

/** `difference` is set where ours accepts and Node's reading is another one, or none. */
export interface Comparison {
  readonly ours: Outcome;
  readonly difference: string | undefined;
}

/** Ours may close where Node would not; it must never keep open a connection that Node closes. */
function compare(ours: Outcome, node: Outcome, mayStayOpen: boolean): Comparison {
  if (ours.kind === "message" && node.kind === "message") {
    const keepAlive = mayStayOpen || node.message.keepAlive ? ours.message.keepAlive : false;
    const adjusted = { ...node, message: { ...node.message, keepAlive } };
    if (isDeepStrictEqual(ours, adjusted)) return { ours, difference: undefined };
  }
  return { ours, difference: `ours: ${JSON.stringify(ours)}\nnode: ${JSON.stringify(node)}` };
}

/** Reads a request with both parsers, the bytes cut at `ends`. */
export function compareRequest(buffer: Buffer, ends: readonly number[]): Comparison {
  const ours = readRequest(buffer, ends);
  if (ours.kind !== "message") return { ours, difference: undefined };
  return compare(ours, nodeRequest(buffer, ends, ours.at, ours.message.keepAlive), false);
}

/** Reads a response with both parsers, the bytes cut at `ends`. */
export function compareResponse(buffer: Buffer, ends: readonly number[], asked: Asked): Comparison {
  const ours = readResponse(buffer, ends, asked);
  if (ours.kind !== "message") return { ours, difference: undefined };
  const node = nodeResponse(buffer, ends, asked, ours.at, ours.message.keepAlive, ours.untilClose);
  // Node decides about HEAD before it knows that no body follows, though it then reads on as ours does.
  return compare(ours, node, asked.method === "HEAD");
}
