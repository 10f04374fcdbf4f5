import type { BatchItem, CloudEvent } from "./event.js";
import type { Kv } from "./gateway/kv.js";
import type { ModelHandle } from "./gateway/models.js";
import { type PublishOptions, type Services } from "./gateway/services.js";
import type { Storage } from "./gateway/storage.js";
import { type Log } from "./log.js";
import { RequestHeaders } from "./request-headers.js";
import type { WebSocketConnection } from "./web-socket.js";
/** What called the function. */
export interface Trigger {
  /** `http`, or `mq`, `stream`, `cron`, `inference` where the event plane calls. */
  readonly type: string;
  /** The path of an HTTP call, else the subject, topic or schedule. */
  readonly source: string;
  /** RFC 3339. */
  readonly timestamp: string;
  /** The trigger's id, or the task's. An event's own is the header `Idempotency-Key`, or its item's `id`. */
  readonly id: string;
  /** 1 for the first delivery. */
  readonly attempt: number;
}
/** What a `Context` is made of; the server gives all of it, a unit test what its handler reads. */
export interface ContextInit {
  readonly data?: unknown;
  readonly headers?: RequestHeaders;
  readonly trigger?: Trigger | (() => Trigger);
  readonly log?: Log;
  readonly body?: Uint8Array;
  readonly event?: CloudEvent | null;
  readonly batch?: readonly BatchItem[] | null;
  readonly method?: string;
  readonly path?: string;
  readonly query?: URLSearchParams | (() => URLSearchParams);
  readonly requestId?: string;
  readonly function?: string;
  readonly revision?: string;
  readonly org?: string;
  readonly live?: Live;
}
/** What a context asks for only when it is read. */
export interface Live {
  /** Milliseconds left. */
  deadline(): number;
  signal(): AbortSignal;
  /** Asked for once. */
  services(): Services;
  accept(): Promise<WebSocketConnection>;
}
/** One call of the function. The server makes it; in a unit test: `new Context({ data: { text: "hello" } })`. */
export declare class Context {
  #private;
  /**
   * The parsed JSON body; the query where there is no body; `{ body, encoding? }` for any other content; the data of
   * an event, or of each item of a batch. Null where the handler takes the body as a stream.
   */
  readonly data: unknown;
  readonly headers: RequestHeaders;
  /** Lines of the function's log; they carry the request id. */
  readonly log: Log;
  /** The bytes of the body as sent. */
  readonly body: Uint8Array;
  /** The attributes of the CloudEvent that the call is; else null. */
  readonly event: CloudEvent | null;
  /** The items of the batch that the call is; else null. */
  readonly batch: readonly BatchItem[] | null;
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly requestId: string;
  readonly function: string;
  readonly revision: string;
  readonly org: string;
  constructor(init?: ContextInit);
  get trigger(): Trigger;
  get query(): URLSearchParams;
  /** Milliseconds left before the platform gives up on this call; 0 once it has. */
  get deadline(): number;
  /** Aborts at the deadline, and when the caller goes away. Hand it to `fetch` and to everything that waits. */
  get signal(): AbortSignal;
  /** The function's own keys and values. */
  get kv(): Kv;
  /** Objects of the organisation. */
  get storage(): Storage;
  /**
   * Publishes to MQ (`mq.` and a subject) or Stream (a snake_case topic); resolves with the message's id once the
   * broker has it. Throws `GatewayError`.
   */
  publish(subject: string, data: unknown, options?: PublishOptions): Promise<string>;
  /** A model by its name; it is looked for and read at its first use. */
  model(name: string): ModelHandle;
  /** Answers a WebSocket upgrade and gives the socket. Throws where the call is no such upgrade. */
  accept(): Promise<WebSocketConnection>;
}
/**
 * The shape of an exported handler. One that names a second parameter gets the body as a stream, and is called as soon
 * as the head of the request is there.
 */
export type Handler =
  | ((ctx: Context) => unknown)
  | ((ctx: Context, body: ReadableStream<Uint8Array>) => unknown);
