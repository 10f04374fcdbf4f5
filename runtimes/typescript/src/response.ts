import type { BatchResult, EventInit, EventOptions } from "./event.ts";

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
export class Response {
  readonly status: number;
  readonly body: unknown;
  readonly headers: ReadonlyArray<readonly [string, string]>;
  readonly kind: BodyKind;

  constructor(body?: unknown, options: ResponseOptions = {}, kind: BodyKind = "auto") {
    const empty = kind === "auto" && (body === undefined || body === null);
    this.status = options.status ?? (empty ? 204 : 200);
    if (!Number.isInteger(this.status) || this.status < 200 || this.status > 599) {
      throw new RangeError(`a status is a whole number from 200 to 599, not ${String(options.status)}`);
    }
    this.body = body;
    this.headers = options.headers === undefined ? [] : toPairs(options.headers);
    this.kind = kind;
  }

  /** 200 with the value by the contract's table: an object as JSON, a string as text, bytes as bytes. */
  static ok(body?: unknown, options: Omit<ResponseOptions, "status"> = {}): Response {
    return new Response(body, { ...options, status: 200 });
  }

  /** The value as JSON, whatever it is: a string is quoted, `null` is `null`. */
  static json(value: unknown, options: ResponseOptions = {}): Response {
    return new Response(value, options, "json");
  }

  static text(text: string, options: ResponseOptions = {}): Response {
    return new Response(String(text), options);
  }

  /** Each piece goes out at once; the type follows the first piece unless a Content-Type is given. */
  static stream(source: Source<Piece>, options: ResponseOptions = {}): Response {
    return new Response(source, options, "stream");
  }

  /** Server-sent events (`text/event-stream`). */
  static sse(source: Source<ServerSentEvent | string>, options: ResponseOptions = {}): Response {
    return new Response(source, options, "sse");
  }

  /** A CloudEvent 1.0, in binary mode unless told otherwise. */
  static event(event: EventInit, { mode = "binary", status = 200 }: EventOptions = {}): Response {
    return new Response(event, { status }, mode === "binary" ? "event" : "structured event");
  }

  /** What became of each item of a batch: `{"results": [...]}`. An id that is missing counts as a transient failure. */
  static batch(results: Iterable<BatchResult>): Response {
    return new Response({ results: [...results] }, {}, "json");
  }

  /** `{"error": message, ...fields}` as JSON under the given status. */
  static error(status: number, message: string, fields: Readonly<Record<string, unknown>> = {}): Response {
    return new Response({ error: message, ...fields }, { status }, "json");
  }
}

function toPairs(headers: HeadersInput): Array<readonly [string, string]> {
  if (Symbol.iterator in headers) {
    return [...(headers as Iterable<readonly [string, string]>)].map(([name, value]) => [
      name,
      String(value),
    ]);
  }
  return Object.entries(headers).flatMap(([name, value]): Array<readonly [string, string]> =>
    Array.isArray(value) ? value.map((one) => [name, String(one)]) : [[name, String(value)]],
  );
}
