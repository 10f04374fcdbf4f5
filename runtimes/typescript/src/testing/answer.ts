import { RequestHeaders } from "../request-headers.ts";
import { toReply, typeOfPiece, type Reply } from "../server/reply.ts";

/** What a caller would get. */
export interface TestAnswer {
  readonly status: number;
  readonly headers: RequestHeaders;
  readonly bytes: Uint8Array;
  readonly text: string;
  /** The parsed body; undefined where it is no JSON. */
  readonly json: unknown;
  /** The pieces of a streamed answer, each as it went out; one piece otherwise. */
  readonly pieces: readonly string[];
  /** What the handler sent over the WebSocket that it accepted. */
  readonly sent: ReadonlyArray<string | Uint8Array>;
}

/** The answer to a call whose handler accepted a WebSocket. */
export function socketAnswer(sent: ReadonlyArray<string | Uint8Array>): TestAnswer {
  const headers = new RequestHeaders({});
  return { status: 101, headers, bytes: new Uint8Array(0), text: "", json: undefined, pieces: [], sent };
}

/** What the server would make of a handler's value. Throws what the source of a stream throws. */
export async function collectAnswer(value: unknown, functionName: string): Promise<TestAnswer> {
  const reply = toReply(value, functionName);
  const { pieces, type } = await collect(reply);
  const bytes = Buffer.concat(pieces);
  const text = bytes.toString("utf8");
  return {
    status: reply.status,
    headers: headersOf(reply, type),
    bytes,
    text,
    json: parse(text),
    pieces: pieces.map((piece) => piece.toString("utf8")),
    sent: [],
  };
}

async function collect({ payload }: Reply): Promise<{ pieces: Buffer[]; type: string | undefined }> {
  if (payload.kind === "none") return { pieces: [], type: undefined };
  if (payload.kind === "whole") return { pieces: [toBuffer(payload.content)], type: payload.type };
  const pieces: Buffer[] = [];
  let type = payload.type;
  for (;;) {
    const { done, value } = await payload.iterator.next();
    if (done === true) return { pieces, type };
    const piece: unknown = await value;
    type ??= typeOfPiece(piece);
    pieces.push(toBuffer(payload.encode(piece)));
  }
}

function headersOf({ headers }: Reply, type: string | undefined): RequestHeaders {
  const values: Record<string, string | string[]> = type === undefined ? {} : { "content-type": type };
  const own: Record<string, string[]> = {};
  for (const [name, value] of headers) (own[name.toLowerCase()] ??= []).push(value);
  return new RequestHeaders({ ...values, ...own });
}

function toBuffer(content: string | Uint8Array): Buffer {
  return typeof content === "string" ? Buffer.from(content, "utf8") : Buffer.from(content);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
