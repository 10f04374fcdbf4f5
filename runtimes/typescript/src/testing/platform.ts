import { Context, type Handler, type Live, type Trigger } from "../context.ts";
import type { EventInit } from "../event.ts";
import type { Kv } from "../gateway/kv.ts";
import type { Services } from "../gateway/services.ts";
import type { Storage } from "../gateway/storage.ts";
import type { Log, LogFields } from "../log.ts";
import { RequestHeaders } from "../request-headers.ts";
import { readPayload, type Said } from "../server/payload.ts";
import { createMemoryKv } from "./memory-kv.ts";
import { memoryServices, type FakeModel, type Published } from "./memory-services.ts";
import { createMemorySocket, type MemorySocket } from "./memory-socket.ts";
import { createMemoryStorage } from "./memory-storage.ts";
import { collectAnswer, socketAnswer, type TestAnswer } from "./answer.ts";

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

export function createTestPlatform(options: TestPlatformOptions = {}): TestPlatform {
  const { now = Date.now, models = {} } = options;
  const kv = createMemoryKv(now);
  const storage = createMemoryStorage(now);
  const published: Published[] = [];
  const logs: LoggedLine[] = [];
  const name = options.function ?? "function";
  const services = memoryServices({ kv, storage, published, models });
  const log = recordTo(logs);

  /** @param streamed whether the handler takes the body itself */
  const make = (call: TestCall, sent: Sent, streamed: boolean, socket: MemorySocket): Context => {
    const { pathname, searchParams } = new URL(call.path ?? "/", "http://function");
    const trigger = triggerOf(call, pathname, now());
    const said = streamed ? UNREAD : read(sent, searchParams, trigger);
    return new Context({
      ...said,
      headers: new RequestHeaders(sent.headers),
      trigger,
      log,
      body: streamed ? NOTHING : sent.body,
      method: call.method ?? (sent.body.length === 0 ? "GET" : "POST"),
      path: pathname,
      query: searchParams,
      requestId: call.requestId ?? "req_test",
      function: name,
      revision: `${name}-00001`,
      org: options.org ?? "test",
      live: live(call, services, socket),
    });
  };

  return {
    kv,
    storage,
    published,
    logs,
    context: (call = {}) => make(call, encode(call), false, createMemorySocket(call.messages)),
    async invoke(handler, call = {}) {
      const run = handler as (ctx: Context, body?: ReadableStream<Uint8Array>) => unknown;
      const sent = encode(call);
      const streamed = handler.length > 1;
      const socket = createMemorySocket(call.messages);
      const context = make(call, sent, streamed, socket);
      const value: unknown = await (streamed ? run(context, streamOf(sent.body)) : run(context));
      return socket.accepted ? socketAnswer(socket.sent) : collectAnswer(value, name);
    },
  };
}

const UNREAD: Said = { data: null, event: null, batch: null };

function read(sent: Sent, query: URLSearchParams, trigger: Trigger): Said {
  const { body, headers } = sent;
  const said = readPayload({ body, headers, query: () => query, trigger: () => trigger });
  if ("invalid" in said) throw new TypeError(`the platform would answer 400: ${said.invalid}`);
  return said;
}

function recordTo(logs: LoggedLine[]): Log {
  const at =
    (level: LoggedLine["level"]) =>
    (msg: string, fields: LogFields = {}): void =>
      void logs.push({ level, msg, fields });
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

function live(call: TestCall, services: Services, socket: MemorySocket): Live {
  const end = performance.now() + (call.timeoutMs ?? 60_000);
  const signal = call.signal ?? new AbortController().signal;
  return {
    deadline: () => Math.max(0, end - performance.now()),
    signal: () => signal,
    services: () => services,
    accept: () => socket.accept(),
  };
}

interface Sent {
  readonly body: Uint8Array;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
}

const NOTHING = new Uint8Array(0);

function encode(call: TestCall): Sent {
  const own = Object.entries(call.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value] as const);
  const send = (body: string | Uint8Array, type?: string): Sent => ({
    body: typeof body === "string" ? Buffer.from(body, "utf8") : body,
    headers: { ...(type === undefined ? {} : { "content-type": type }), ...Object.fromEntries(own) },
  });
  if (call.batch !== undefined)
    return send(JSON.stringify({ items: call.batch }), "application/vnd.hanzo.batch+json");
  if (call.event !== undefined)
    return send(JSON.stringify(eventOf(call.event)), "application/cloudevents+json");
  if (call.data !== undefined) return send(JSON.stringify(call.data), "application/json");
  return send(call.body ?? NOTHING);
}

function eventOf(event: Partial<EventInit>): Readonly<Record<string, unknown>> {
  return { specversion: "1.0", id: "event-1", source: "/test", type: "test", ...event };
}

function triggerOf(call: TestCall, path: string, nowMs: number): Trigger {
  return {
    type: "http",
    source: path,
    timestamp: new Date(nowMs).toISOString(),
    id: "",
    attempt: 1,
    ...call.trigger,
  };
}

function streamOf(body: Uint8Array): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      if (body.length > 0) controller.enqueue(body);
      controller.close();
    },
  });
}
