import { connect, type Socket } from "node:net";
import {
  PlatformError,
  type Authenticator,
  type Credentials,
  type FunctionRoutes,
  type HttpRoute,
  type Identity,
  type InvocationRecord,
  type Permission,
} from "@hanzo-fn/contract";
import type { Address, Instances, Lease, Target } from "@hanzo-fn/engine";
import { systemClock } from "@hanzo-fn/lifecycle";
import type { Observer } from "../src/access.ts";
import {
  createInvoker,
  createProxyServer,
  type InvokerDependencies,
  type InvokerOptions,
  type ProxyOptions,
} from "../src/index.ts";

/** `Bearer <org>/<subject>[/<permission>,…]`; invoke only unless permissions are named. */
export function identityOf(token: string): Identity | undefined {
  const [org = "", subject = "", permissions = "functions:invoke"] = token.split("/");
  if (org === "bad" || subject === "") return undefined;
  const kind = subject === "platform" ? "platform" : "user";
  return {
    kind,
    org,
    subject,
    limitKey: `sub:${org}/${subject}`,
    permissions: new Set(permissions.split(",") as Permission[]),
    expiresAtMs: Infinity,
  };
}

export function fakeAuthenticator(): Authenticator & { asked: number } {
  const known = new Map<string, Identity>();
  return {
    asked: 0,
    cached: ({ authorization = "" }: Credentials) => known.get(authorization),
    async authenticate({ authorization, apiKey }: Credentials) {
      this.asked++;
      const token = apiKey ?? authorization?.replace(/^Bearer /, "");
      if (token === undefined) return undefined;
      await Promise.resolve();
      const identity = identityOf(token);
      if (!identity) throw new PlatformError("unauthorized", "the token is bad", { component: "auth" });
      if (authorization !== undefined) known.set(authorization, identity);
      return identity;
    },
  };
}

export interface FakeInstances extends Instances {
  readonly leases: Array<{ key: string; released: number; expired: number }>;
  /** Undefined from `tryAcquire`, and a promise from `acquire`, while false. */
  warm: boolean;
  /** What `acquire` does; by default it gives a lease with a cold start. */
  onAcquire: (key: string, signal: AbortSignal) => Promise<Lease>;
  diagnosis: PlatformError;
  target: Target;
  readonly gone: AbortController;
  lease(key: string, coldStartMs?: number): Lease;
}

export function fakeInstances(address: Address): FakeInstances {
  const gone = new AbortController();
  const instances: FakeInstances = {
    leases: [],
    warm: true,
    gone,
    target: { instance: "fn-f-00001-local-abc", address, gone: gone.signal },
    diagnosis: new PlatformError("instance_exited", "the instance exited with 1", {
      component: "engine/local",
    }),
    onAcquire: (key) => Promise.resolve(instances.lease(key, 12.6)),
    lease(key, coldStartMs) {
      const entry = { key, released: 0, expired: 0 };
      instances.leases.push(entry);
      const release = (): void => void entry.released++;
      return {
        target: instances.target,
        coldStart: coldStartMs === undefined ? undefined : { totalMs: coldStartMs, phasesMs: {} },
        release,
        expire: () => void entry.expired++,
        diagnose: () => Promise.resolve(instances.diagnosis),
        [Symbol.dispose]: release,
      };
    },
    tryAcquire: (key) => (instances.warm ? instances.lease(key) : undefined),
    acquire: (key, signal) => instances.onAcquire(key, signal),
  };
  return instances;
}

export function httpRoute(path: string, more: Partial<HttpRoute> = {}): HttpRoute {
  return { triggerId: `trg_${path}`, path, methods: ["GET", "POST"], auth: "none", ...more };
}

/** Function `f` of `acme` with one revision and these routes. */
export function functionRoutes(
  routes: readonly HttpRoute[],
  more: Partial<FunctionRoutes> = {},
): FunctionRoutes {
  return {
    org: "acme",
    function: "f",
    generation: 1,
    revisions: [{ name: "f-00001", number: 1, runtime: "python", timeoutMs: 5000, percent: 100 }],
    routes,
    ...more,
  };
}

export interface RecordingObserver extends Observer {
  readonly records: InvocationRecord[];
  readonly accesses: string[];
  readonly internal: PlatformError[];
  running: number;
  /** Resolves with the `n`th record (from 1). */
  recorded(n: number): Promise<InvocationRecord>;
}

export function recordingObserver(): RecordingObserver {
  const waiters: Array<() => void> = [];
  const observer: RecordingObserver = {
    records: [],
    accesses: [],
    internal: [],
    running: 0,
    started: () => void observer.running++,
    finished: () => void observer.running--,
    record(record) {
      observer.records.push(record);
      for (const wake of waiters.splice(0)) wake();
    },
    access: (entry, _durationMs, code) => void observer.accesses.push(`${entry.status} ${code}`),
    onInternalError: (error) => void observer.internal.push(error),
    async recorded(n) {
      while (observer.records.length < n) await new Promise<void>((resolve) => waiters.push(resolve));
      return observer.records[n - 1] as InvocationRecord;
    },
  };
  return observer;
}

/** A proxy in front of one address, with the routes given. */
export async function startProxy(
  address: Address,
  routes: readonly FunctionRoutes[],
  options: ProxyOptions & InvokerOptions & Pick<InvokerDependencies, "acceptLater"> = {},
) {
  const instances = fakeInstances(address);
  const observer = recordingObserver();
  const authenticator = fakeAuthenticator();
  const { acceptLater } = options;
  const invoker = createInvoker(
    { authenticator, instances, clock: systemClock, observer, acceptLater },
    options,
  );
  for (const entry of routes) invoker.upsert(entry);
  const server = createProxyServer({ invoker }, { host: "127.0.0.1", port: 0, sweepMs: 20, ...options });
  await server.start(new AbortController().signal);
  const { port } = server.address();
  return {
    instances,
    observer,
    authenticator,
    invoker,
    server,
    port,
    client: () => openClient(port),
    async [Symbol.asyncDispose]() {
      await server.stop(0);
    },
  };
}

/** A raw client: what it received so far, and waiting for more of it. */
export interface RawClient {
  readonly socket: Socket;
  text: string;
  readonly closed: Promise<void>;
  send(text: string): RawClient;
  /** Resolves with all text so far once `test` holds; rejects when the connection closes before. */
  until(test: (text: string) => boolean): Promise<string>;
  /** Resolves with the next whole answer that has a length, and takes it out of `text`. */
  answer(): Promise<{ status: number; head: string; body: string }>;
}

export async function openClient(port: number): Promise<RawClient> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  const wakers = new Set<() => void>();
  const wake = (): void => {
    for (const waker of wakers) waker();
  };
  let isClosed = false;
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  const client: RawClient = {
    socket,
    text: "",
    closed,
    send(text) {
      socket.write(text, "latin1");
      return client;
    },
    until: (test) =>
      new Promise((done, fail) => {
        const check = (): void => {
          if (test(client.text)) done(client.text);
          else if (isClosed) fail(new Error(`closed with: ${client.text}`));
          else return;
          wakers.delete(check);
        };
        wakers.add(check);
        check();
      }),
    async answer() {
      await client.until((text) => text.includes("\r\n\r\n"));
      const end = client.text.indexOf("\r\n\r\n") + 4;
      const head = client.text.slice(0, end);
      const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
      await client.until((text) => text.length >= end + length);
      const body = client.text.slice(end, end + length);
      client.text = client.text.slice(end + length);
      return { status: Number(head.slice(9, 12)), head, body };
    },
  };
  socket.on("data", (chunk) => {
    client.text += chunk.toString("latin1");
    wake();
  });
  socket.on("error", () => undefined);
  socket.on("close", () => {
    isClosed = true;
    resolve();
    wake();
  });
  await new Promise<void>((done, fail) => {
    socket.once("connect", done);
    socket.once("error", fail);
  });
  return client;
}
