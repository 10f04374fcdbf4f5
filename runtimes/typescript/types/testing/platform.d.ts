import { Context, type Handler, type Trigger } from "../context.js";
import type { EventInit } from "../event.js";
import type { Kv } from "../gateway/kv.js";
import type { Storage } from "../gateway/storage.js";
import type { LogFields } from "../log.js";
import { type FakeModel, type Published } from "./memory-services.js";
import { type TestAnswer } from "./answer.js";
export interface TestPlatformOptions {
  /** What `ctx.model(name)` gives, by name. */
  readonly models?: Readonly<Record<string, FakeModel>>;
  /** Milliseconds since the epoch; the clock of `ttl`. Default: `Date.now`. */
  readonly now?: () => number;
  /** The function's name; default `function`. */
  readonly function?: string;
  readonly org?: string;
}
/** One item of a batch that a test sends. */
export interface TestItem {
  readonly id: string;
  readonly data: unknown;
  readonly source?: string;
  readonly timestamp?: string;
  readonly attempt?: number;
  readonly headers?: Readonly<Record<string, string>>;
}
/** A call as a test describes it; at most one of `data`, `body`, `event` and `batch` is what it carries. */
export interface TestCall {
  /** Sent as a JSON body: the handler sees what JSON keeps of it. */
  readonly data?: unknown;
  /** Sent as it is, under the `content-type` of `headers`. */
  readonly body?: string | Uint8Array;
  /** Sent as a CloudEvent; `id`, `source` and `type` have defaults. */
  readonly event?: Partial<EventInit>;
  readonly batch?: readonly TestItem[];
  readonly headers?: Readonly<Record<string, string>>;
  /** Makes the call a WebSocket upgrade whose client sends these messages and then closes. */
  readonly messages?: ReadonlyArray<string | Uint8Array>;
  /** Default: POST where the call carries something, else GET. */
  readonly method?: string;
  /** With its query; default `/`. */
  readonly path?: string;
  readonly trigger?: Partial<Trigger>;
  readonly requestId?: string;
  /** Milliseconds; default 60 000. */
  readonly timeoutMs?: number;
  /** Aborts `ctx.signal`, as a caller does that goes away. */
  readonly signal?: AbortSignal;
}
/** One line that the handler wrote through `ctx.log`. */
export interface LoggedLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly msg: string;
  readonly fields: LogFields;
}
/** The platform in memory: what handlers leave in it stays from call to call. */
export interface TestPlatform {
  readonly kv: Kv;
  readonly storage: Storage;
  readonly published: readonly Published[];
  readonly logs: readonly LoggedLine[];
  /** The context that the handler of this call would get. */
  context(call?: TestCall): Context;
  /** Calls the handler as the server does and gives its answer; what the handler throws is thrown. */
  invoke(handler: Handler, call?: TestCall): Promise<TestAnswer>;
}
export declare function createTestPlatform(options?: TestPlatformOptions): TestPlatform;
