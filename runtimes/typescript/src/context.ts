import { consoleLog, type Log } from "./log.ts";
import { RequestHeaders } from "./request-headers.ts";

/** What called the function. */
export interface Trigger {
  /** `http`, or `mq`, `stream`, `cron`, `inference` where the event plane calls. */
  readonly type: string;
  /** The path of an HTTP call, else the subject, topic or schedule. */
  readonly source: string;
  /** RFC 3339. */
  readonly timestamp: string;
  /** The event's id; empty for an HTTP call. */
  readonly id: string;
  /** 1 for the first delivery. */
  readonly attempt: number;
}

/** What a `Context` is made of; the server gives all of it, a unit test what its handler reads. */
export interface ContextInit {
  readonly data?: unknown;
  readonly headers?: RequestHeaders;
  readonly trigger?: Trigger;
  readonly log?: Log;
  readonly body?: Uint8Array;
  readonly method?: string;
  readonly path?: string;
  readonly query?: URLSearchParams;
  readonly requestId?: string;
  readonly function?: string;
  readonly revision?: string;
  readonly org?: string;
  /** Milliseconds left, asked for at every reading. */
  readonly deadline?: () => number;
  /** Asked for at the first reading. */
  readonly signal?: () => AbortSignal;
}

const DEFAULT_TIMEOUT_MS = 60_000;

/** One call of the function. The server makes it; in a unit test: `new Context({ data: { text: "hello" } })`. */
export class Context {
  /** The parsed JSON body; the query where there is no body; `{ body, encoding? }` for any other content. */
  readonly data: unknown;
  readonly headers: RequestHeaders;
  readonly trigger: Trigger;
  /** Lines of the function's log; they carry the request id. */
  readonly log: Log;
  /** The bytes of the body as sent. */
  readonly body: Uint8Array;
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly requestId: string;
  readonly function: string;
  readonly revision: string;
  readonly org: string;
  readonly #deadline: () => number;
  readonly #signal: () => AbortSignal;

  constructor(init: ContextInit = {}) {
    this.data = init.data === undefined ? {} : init.data;
    this.headers = init.headers ?? new RequestHeaders({});
    this.body = init.body ?? new Uint8Array(0);
    this.method = init.method ?? "POST";
    this.path = init.path ?? "/";
    this.query = init.query ?? new URLSearchParams();
    this.trigger = init.trigger ?? httpTrigger(this.path);
    this.log = init.log ?? consoleLog;
    this.requestId = init.requestId ?? "";
    this.function = init.function ?? "";
    this.revision = init.revision ?? "";
    this.org = init.org ?? "";
    this.#deadline = init.deadline ?? countDown(DEFAULT_TIMEOUT_MS);
    this.#signal = init.signal ?? neverAborted();
  }

  /** Milliseconds left before the platform gives up on this call; 0 once it has. */
  get deadline(): number {
    return this.#deadline();
  }

  /** Aborts at the deadline, and when the caller goes away. Hand it to `fetch` and to everything that waits. */
  get signal(): AbortSignal {
    return this.#signal();
  }
}

function httpTrigger(path: string): Trigger {
  return { type: "http", source: path, timestamp: new Date().toISOString(), id: "", attempt: 1 };
}

function countDown(ms: number): () => number {
  const end = performance.now() + ms;
  return () => Math.max(0, end - performance.now());
}

function neverAborted(): () => AbortSignal {
  const controller = new AbortController();
  return () => controller.signal;
}

// HIP-60 names these. A plain `undefined is not a function` would leave the reader guessing, a stand-in would lie.
for (const name of ["kv", "storage", "publish", "model"]) {
  Object.defineProperty(Context.prototype, name, {
    get() {
      throw new Error(`ctx.${name} is not served by this version of hanzo-fn`);
    },
  });
}

/** The shape of an exported handler. */
export type Handler = (ctx: Context) => unknown;
