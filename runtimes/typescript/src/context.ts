import type { Log } from "./log.ts";
import type { RequestHeaders } from "./request-headers.ts";

/** What called the function. */
export interface Trigger {
  /** `http`, or `mq`, `stream`, `cron`, `inference` where the event plane calls. */
  readonly type: string;
  /** The path of an HTTP call, else the subject, topic or schedule. */
  readonly source: string;
  /** RFC 3339. */
  readonly timestamp: string;
  /** The event's id; the request id of an HTTP call. */
  readonly id: string;
  /** 1 for the first delivery. */
  readonly attempt: number;
}

/** What the server knows of one call. The platform's side of `Context`; user code never makes one. */
export interface Invocation {
  readonly data: unknown;
  readonly headers: RequestHeaders;
  readonly trigger: Trigger;
  readonly log: Log;
  readonly body: Uint8Array;
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly requestId: string;
  readonly function: string;
  readonly revision: string;
  readonly org: string;
  deadline(): number;
  signal(): AbortSignal;
}

/** One call of the function. */
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
  readonly #invocation: Invocation;

  constructor(invocation: Invocation) {
    this.#invocation = invocation;
    this.data = invocation.data;
    this.headers = invocation.headers;
    this.trigger = invocation.trigger;
    this.log = invocation.log;
    this.body = invocation.body;
    this.method = invocation.method;
    this.path = invocation.path;
    this.query = invocation.query;
    this.requestId = invocation.requestId;
    this.function = invocation.function;
    this.revision = invocation.revision;
    this.org = invocation.org;
  }

  /** Milliseconds left before the platform gives up on this call; 0 once it has. */
  get deadline(): number {
    return this.#invocation.deadline();
  }

  /** Aborts at the deadline, and when the caller goes away. Hand it to `fetch` and to everything that waits. */
  get signal(): AbortSignal {
    return this.#invocation.signal();
  }
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
