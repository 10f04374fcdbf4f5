import type { BatchResult, EventInit, EventOptions } from "./event.js";
/** Header names to values, a list of pairs, or a Web `Headers`. A list as value is sent as repeated headers. */
export type HeadersInput =
  | Readonly<Record<string, string | readonly string[]>>
  | Iterable<readonly [string, string]>;
export interface ResponseOptions {
  /** 200..599; without it 200, or 204 where there is no body. */
  readonly status?: number | undefined;
  readonly headers?: HeadersInput | undefined;
}
/** One piece of a stream: bytes and strings go out as they are, anything else as one line of JSON. */
export type Piece = unknown;
/** One event of `text/event-stream`; `data` that is no string is sent as JSON. */
export interface ServerSentEvent {
  readonly event?: string | undefined;
  readonly id?: string | undefined;
  /** Milliseconds the client waits before it reconnects. */
  readonly retry?: number | undefined;
  readonly data: unknown;
}
export type Source<T> = AsyncIterable<T> | Iterable<T> | Iterator<T> | AsyncIterator<T>;
/** How the server reads `body`: `auto` follows the table of the runtime contract. */
type BodyKind = "auto" | "json" | "stream" | "sse" | "event" | "structured event";
/**
 * An answer with a status and headers of its own. The body may be anything a handler may return.
 * A Web `Response` (`globalThis.Response`) is accepted in its place.
 */
export declare class Response {
  readonly status: number;
  readonly body: unknown;
  readonly headers: ReadonlyArray<readonly [string, string]>;
  readonly kind: BodyKind;
  constructor(body?: unknown, options?: ResponseOptions, kind?: BodyKind);
  /** 200 with the value by the contract's table: an object as JSON, a string as text, bytes as bytes. */
  static ok(body?: unknown, options?: Omit<ResponseOptions, "status">): Response;
  /** The value as JSON, whatever it is: a string is quoted, `null` is `null`. */
  static json(value: unknown, options?: ResponseOptions): Response;
  static text(text: string, options?: ResponseOptions): Response;
  /** Each piece goes out at once; the type follows the first piece unless a Content-Type is given. */
  static stream(source: Source<Piece>, options?: ResponseOptions): Response;
  /** Server-sent events (`text/event-stream`). */
  static sse(source: Source<ServerSentEvent | string>, options?: ResponseOptions): Response;
  /** A CloudEvent 1.0, in binary mode unless told otherwise. */
  static event(event: EventInit, { mode, status }?: EventOptions): Response;
  /** What became of each item of a batch: `{"results": [...]}`. An id that is missing counts as a transient failure. */
  static batch(results: Iterable<BatchResult>): Response;
  /** `{"error": message, ...fields}` as JSON under the given status. */
  static error(status: number, message: string, fields?: Readonly<Record<string, unknown>>): Response;
}
export {};
