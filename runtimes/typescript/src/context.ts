import type { BatchItem, CloudEvent } from "./event.ts";
import type { Kv } from "./gateway/kv.ts";
import type { ModelHandle } from "./gateway/models.ts";
import { noServices, type PublishOptions, type Services } from "./gateway/services.ts";
import type { Storage } from "./gateway/storage.ts";
import { consoleLog, type Log } from "./log.ts";
import { RequestHeaders } from "./request-headers.ts";
import type { WebSocketConnection } from "./web-socket.ts";

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

const DEFAULT_TIMEOUT_MS = 60_000;

/** One call of the function. The server makes it; in a unit test: `new Context({ data: { text: "hello" } })`. */
export class Context {
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
  readonly #live: Live;
  #trigger: Trigger | (() => Trigger) | undefined;
  #query: URLSearchParams | (() => URLSearchParams) | undefined;
  #services: Services | undefined;

  constructor(init: ContextInit = {}) {
    this.data = init.data === undefined ? {} : init.data;
    this.headers = init.headers ?? new RequestHeaders({});
    this.body = init.body ?? new Uint8Array(0);
    this.event = init.event ?? null;
    this.batch = init.batch ?? null;
    this.method = init.method ?? "POST";
    this.path = init.path ?? "/";
    this.log = init.log ?? consoleLog;
    this.requestId = init.requestId ?? "";
    this.function = init.function ?? "";
    this.revision = init.revision ?? "";
    this.org = init.org ?? "";
    this.#trigger = init.trigger;
    this.#query = init.query;
    this.#live = init.live ?? alone();
  }

  get trigger(): Trigger {
    if (typeof this.#trigger !== "object") this.#trigger = this.#trigger?.() ?? httpTrigger(this.path);
    return this.#trigger;
  }

  get query(): URLSearchParams {
    if (typeof this.#query !== "object") this.#query = this.#query?.() ?? new URLSearchParams();
    return this.#query;
  }

  /** Milliseconds left before the platform gives up on this call; 0 once it has. */
  get deadline(): number {
    return this.#live.deadline();
  }

  /** Aborts at the deadline, and when the caller goes away. Hand it to `fetch` and to everything that waits. */
  get signal(): AbortSignal {
    return this.#live.signal();
  }

  /** The function's own keys and values. */
  get kv(): Kv {
    return this.#platform().kv;
  }

  /** Objects of the organisation. */
  get storage(): Storage {
    return this.#platform().storage;
  }

  /**
   * Publishes to MQ (`mq.` and a subject) or Stream (a snake_case topic); resolves with the message's id once the
   * broker has it. Throws `GatewayError`.
   */
  publish(subject: string, data: unknown, options?: PublishOptions): Promise<string> {
    return this.#platform().publish(subject, data, options);
  }

  /** A model by its name; it is looked for and read at its first use. */
  model(name: string): ModelHandle {
    return this.#platform().model(name);
  }

  /** Answers a WebSocket upgrade and gives the socket. Throws where the call is no such upgrade. */
  accept(): Promise<WebSocketConnection> {
    return this.#live.accept();
  }

  #platform(): Services {
    return (this.#services ??= this.#live.services());
  }
}

function httpTrigger(path: string): Trigger {
  return { type: "http", source: path, timestamp: new Date().toISOString(), id: "", attempt: 1 };
}

/** A context that no server made. */
function alone(): Live {
  const end = performance.now() + DEFAULT_TIMEOUT_MS;
  const controller = new AbortController();
  return {
    deadline: () => Math.max(0, end - performance.now()),
    signal: () => controller.signal,
    services: noServices,
    accept: () => Promise.reject(new Error("ctx.accept() needs a WebSocket upgrade, and this call is none")),
  };
}

/**
 * The shape of an exported handler. One that names a second parameter gets the body as a stream, and is called as soon
 * as the head of the request is there.
 */
export type Handler =
  | ((ctx: Context) => unknown)
  | ((ctx: Context, body: ReadableStream<Uint8Array>) => unknown);
