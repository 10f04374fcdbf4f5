import { createServer, type IncomingHttpHeaders, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import type { Authenticator } from "@hanzo-fn/contract";
import type { Instances } from "@hanzo-fn/engine";
import { createInvoker, createProxyServer } from "@hanzo-fn/invoke-proxy";
import { systemClock } from "@hanzo-fn/lifecycle";
import { silentLogger } from "@hanzo-fn/telemetry";
import { freePort, waitFor } from "@hanzo-fn/testkit";
import { expect, it } from "vitest";
import { createTraces } from "./traces.ts";

interface SentSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly { key: string; value: unknown }[];
  readonly status: { code?: number; message?: string };
}

async function listen(handler: RequestListener) {
  const server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function startCollector() {
  const spans: SentSpan[] = [];
  const resources: unknown[] = [];
  const server = await listen(async (request, response) => {
    let text = "";
    for await (const chunk of request) text += String(chunk);
    const { resourceSpans } = JSON.parse(text);
    for (const { resource, scopeSpans } of resourceSpans) {
      resources.push(resource.attributes);
      for (const scope of scopeSpans) spans.push(...scope.spans);
    }
    response.end(request.url === "/v1/traces" ? "{}" : "");
  });
  return {
    spans,
    resources,
    endpoint: `http://127.0.0.1:${server.port}`,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

const NOBODY: Authenticator = { cached: () => undefined, authenticate: () => Promise.resolve(undefined) };

/** A proxy in front of one function `f` of `acme`, which answers with the status that the path ends with. */
async function startProxy(otlpEndpoint: string | undefined, coldStartMs?: number) {
  const seen: IncomingHttpHeaders[] = [];
  const instance = await listen((request, response) => {
    seen.push(request.headers);
    response.writeHead(Number(/\d{3}$/.exec(request.url ?? "")?.[0] ?? 200)).end("done");
  });
  const target = {
    instance: "fn-f-00003-local-1",
    address: { kind: "tcp", host: "127.0.0.1", port: instance.port } as const,
    gone: new AbortController().signal,
  };
  const release = (): void => {};
  const lease = {
    target,
    coldStart: coldStartMs === undefined ? undefined : { totalMs: coldStartMs, phasesMs: {} },
    release,
    expire: release,
    diagnose: () => Promise.reject(new Error("not asked for")),
    [Symbol.dispose]: release,
  };
  const instances: Instances = { tryAcquire: () => lease, acquire: () => Promise.resolve(lease) };
  const traces = createTraces({ otlpEndpoint, environment: "test" } as Parameters<typeof createTraces>[0], {
    clock: systemClock,
    log: silentLogger,
    fetch: globalThis.fetch,
  });
  const nothing = (): void => {};
  const invoker = createInvoker(
    {
      authenticator: NOBODY,
      instances,
      clock: systemClock,
      observer: {
        started: nothing,
        finished: nothing,
        record: nothing,
        onInternalError: nothing,
        access: (entry, durationMs, code) => traces?.access(entry, durationMs, code),
      },
    },
    { traceSampling: 0 },
  );
  invoker.upsert({
    org: "acme",
    function: "f",
    generation: 1,
    revisions: [{ name: "f-00003", number: 3, runtime: "python3.12", timeoutMs: 5000, percent: 100 }],
    routes: [{ triggerId: "trg_1", path: "/f/*", methods: ["GET", "POST"], auth: "none" }],
  });
  const proxy = createProxyServer({ invoker }, { host: "127.0.0.1", port: 0 });
  await traces?.exporter.start(new AbortController().signal);
  await proxy.start(new AbortController().signal);
  let open = true;
  const stop = async (): Promise<void> => {
    if (!open) return;
    open = false;
    await proxy.stop(1000);
    await traces?.exporter.stop(1000);
  };
  return {
    seen,
    traces,
    call: (path: string, headers: Record<string, string> = {}) =>
      fetch(`http://127.0.0.1:${proxy.address().port}${path}`, { headers }),
    stop,
    async [Symbol.asyncDispose]() {
      await stop();
      await instance[Symbol.asyncDispose]();
    },
  };
}

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER = "00f067aa0ba902b7";
const sampled = { traceparent: `00-${TRACE}-${CALLER}-01`, tracestate: "hanzo=org:acme;svc:web" };

it("carries the caller's trace to the function and exports its own span below the caller's", async () => {
  await using collector = await startCollector();
  await using proxy = await startProxy(collector.endpoint, 41);
  const before = BigInt(Date.now()) * 1_000_000n;
  expect((await proxy.call("/f/a?secret=1", sampled)).status).toBe(200);
  const [span] = await waitFor("the span", () => collector.spans.length > 0 && collector.spans);
  expect(span).toMatchObject({
    traceId: TRACE,
    parentSpanId: CALLER,
    name: "functions.invoke",
    kind: 2,
    status: {},
  });
  expect(span?.attributes).toEqual([
    { key: "hanzo.org_id", value: { stringValue: "acme" } },
    { key: "http.request.method", value: { stringValue: "GET" } },
    { key: "http.response.status_code", value: { intValue: "200" } },
    { key: "url.path", value: { stringValue: "/f/a" } },
    { key: "faas.name", value: { stringValue: "f" } },
    { key: "faas.version", value: { stringValue: "f-00003" } },
    { key: "faas.coldstart", value: { boolValue: true } },
  ]);
  expect(BigInt(span?.startTimeUnixNano ?? 0)).toBeGreaterThanOrEqual(before);
  expect(BigInt(span?.endTimeUnixNano ?? 0)).toBeGreaterThan(BigInt(span?.startTimeUnixNano ?? 0));
  expect(collector.resources[0]).toContainEqual({ key: "service.name", value: { stringValue: "hanzo-fn" } });
  expect(collector.resources[0]).toContainEqual({
    key: "deployment.environment",
    value: { stringValue: "test" },
  });
  expect(proxy.seen[0]).toMatchObject({
    traceparent: `00-${TRACE}-${span?.spanId}-01`,
    tracestate: "hanzo=org:acme;svc:web",
  });
});

it("exports errors as such, and nothing of a call that is not sampled", async () => {
  await using collector = await startCollector();
  await using proxy = await startProxy(collector.endpoint);
  expect((await proxy.call("/f/200")).status).toBe(200);
  expect((await proxy.call("/f/200", { traceparent: `00-${TRACE}-${CALLER}-00` })).status).toBe(200);
  expect((await proxy.call("/f/404", sampled)).status).toBe(404);
  expect((await proxy.call("/f/503", sampled)).status).toBe(503);
  expect((await proxy.call("/nowhere", sampled)).status).toBe(404);
  await proxy.stop();
  expect(proxy.seen.map((headers) => headers["traceparent"]?.slice(-2))).toEqual(["00", "00", "01", "01"]);
  const told = collector.spans.map(({ status, attributes }) => ({
    status: status.code,
    path: attributes.find(({ key }) => key === "url.path")?.value,
    error: attributes.find(({ key }) => key === "error.type")?.value,
  }));
  expect(told).toEqual([
    { status: undefined, path: { stringValue: "/f/404" }, error: undefined },
    { status: 2, path: { stringValue: "/f/503" }, error: undefined },
    { status: undefined, path: { stringValue: "/nowhere" }, error: { stringValue: "not_found" } },
  ]);
});

it("answers calls as ever while the collector is down, and keeps no more spans than its queue", async () => {
  await using proxy = await startProxy(`http://127.0.0.1:${await freePort()}`);
  const statuses = await Promise.all(
    Array.from({ length: 50 }, async () => (await proxy.call("/f/200", sampled)).status),
  );
  expect(new Set(statuses)).toEqual(new Set([200]));
  await proxy.stop();
  expect(proxy.traces?.exporter.queued).toBe(0);
  expect(proxy.traces?.exporter.dropped).toBe(50);
});

it("makes no tracer where no collector is configured", async () => {
  await using proxy = await startProxy(undefined);
  expect(proxy.traces).toBeUndefined();
  expect((await proxy.call("/f/200", sampled)).status).toBe(200);
});
