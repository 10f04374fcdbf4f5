import type { Clock } from "@hanzo-fn/lifecycle";
import { describe, expect, it } from "vitest";
import { createSpanExporter, type SpanExporterOptions } from "./otlp.ts";
import { exportRequest, type Span } from "./spans.ts";

const SPAN: Span = {
  traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
  spanId: "b7ad6b7169203331",
  parentId: "00f067aa0ba902b7",
  name: "functions.invoke",
  startMs: 1_767_323_045_678,
  durationMs: 12.345678,
  attributes: {
    "faas.name": "f",
    "http.response.status_code": 200,
    "faas.coldstart": false,
    gone: undefined,
  },
  error: undefined,
};

/** Time stands still until `pass` is called; `asked` tells how long the sleepers want to sleep. */
function standingClock() {
  const sleepers: { ms: number; wake: () => void }[] = [];
  let waiters: (() => void)[] = [];
  const clock: Clock = {
    now: () => 0,
    monotonic: () => 0,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason as Error);
        signal?.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
        sleepers.push({ ms, wake: resolve });
        for (const waiter of waiters.splice(0)) waiter();
      }),
  };
  return {
    clock,
    /** Waits for the next sleeper, lets it go on, and says for how long it asked. */
    async pass(): Promise<number> {
      while (sleepers.length === 0) await new Promise<void>((resolve) => waiters.push(resolve));
      const { ms, wake } = sleepers.shift() as { ms: number; wake: () => void };
      wake();
      return ms;
    },
  };
}

/** A collector that answers by `answers`, the last one for good. */
function collector(...answers: (Response | Error)[]) {
  const batches: number[] = [];
  const urls: string[] = [];
  let wake: (() => void) | undefined;
  return {
    batches,
    urls,
    fetch: ((url: string, init: RequestInit) => {
      const body = JSON.parse(init.body as string) as ReturnType<typeof exportRequest>;
      batches.push(body.resourceSpans[0]?.scopeSpans[0]?.spans.length ?? 0);
      urls.push(url);
      const answer = answers[Math.min(batches.length, answers.length) - 1] as Response | Error;
      wake?.();
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer.clone());
    }) as typeof globalThis.fetch,
    async asked(times: number): Promise<void> {
      while (batches.length < times) await new Promise<void>((resolve) => (wake = resolve));
    },
  };
}

async function start(fetch: typeof globalThis.fetch, options: SpanExporterOptions = {}) {
  const time = standingClock();
  const said: string[] = [];
  const exporter = createSpanExporter(
    {
      endpoint: "http://collector:4318/",
      serviceName: "hanzo-fn",
      version: "1.2.3",
      environment: "test",
      fetch,
      clock: time.clock,
      log: { info: (msg) => said.push(msg), warn: (msg) => said.push(msg) },
    },
    { random: () => 1, ...options },
  );
  await exporter.start(new AbortController().signal);
  return { ...time, exporter, said };
}

const TAKEN = new Response("{}");

describe("the request to the collector", () => {
  it("is OTLP's JSON: ids in hex, integers and nanoseconds as strings", () => {
    expect(exportRequest({ "service.name": "hanzo-fn" }, [SPAN])).toEqual({
      resourceSpans: [
        {
          resource: { attributes: [{ key: "service.name", value: { stringValue: "hanzo-fn" } }] },
          scopeSpans: [
            {
              scope: { name: "hanzo-fn" },
              spans: [
                {
                  traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
                  spanId: "b7ad6b7169203331",
                  parentSpanId: "00f067aa0ba902b7",
                  name: "functions.invoke",
                  kind: 2,
                  startTimeUnixNano: "1767323045678000000",
                  endTimeUnixNano: expect.stringMatching(/^1767323045690345\d{3}$/),
                  attributes: [
                    { key: "faas.name", value: { stringValue: "f" } },
                    { key: "http.response.status_code", value: { intValue: "200" } },
                    { key: "faas.coldstart", value: { boolValue: false } },
                  ],
                  status: {},
                },
              ],
            },
          ],
        },
      ],
    });
  });

  it("has no parent where the trace began here, and says what went wrong", () => {
    const request = exportRequest({}, [{ ...SPAN, parentId: "", error: "timeout" }]);
    const [span] = request.resourceSpans[0]?.scopeSpans[0]?.spans ?? [];
    expect(span).not.toHaveProperty("parentSpanId");
    expect(span?.status).toEqual({ code: 2, message: "timeout" });
  });
});

describe("the exporter", () => {
  it("gathers spans for a second and sends them to /v1/traces", async () => {
    const target = collector(TAKEN);
    const { exporter, pass } = await start(target.fetch);
    for (let i = 0; i < 3; i++) exporter.export(SPAN);
    expect(await pass()).toBe(1000);
    await target.asked(1);
    expect(target.batches).toEqual([3]);
    expect(target.urls).toEqual(["http://collector:4318/v1/traces"]);
    await exporter.stop(1000);
    expect(exporter.dropped).toBe(0);
  });

  it("sends a full batch at once", async () => {
    const target = collector(TAKEN);
    const { exporter } = await start(target.fetch, { maxBatch: 2 });
    for (let i = 0; i < 2; i++) exporter.export(SPAN);
    await target.asked(1);
    expect(target.batches).toEqual([2]);
    await exporter.stop(1000);
  });

  it("tries again with growing pauses, as the collector asks where it does, and gives up", async () => {
    const busy = new Response("", { status: 429, headers: { "retry-after": "7" } });
    const target = collector(new Error("refused"), busy, new Response("", { status: 503 }));
    const { exporter, pass, said } = await start(target.fetch, { attempts: 4 });
    exporter.export(SPAN);
    const pauses = [await pass(), await pass(), await pass(), await pass()];
    expect(pauses).toEqual([1000, 500, 7000, 2000]);
    await target.asked(4);
    exporter.export(SPAN);
    expect(await pass()).toBe(1000);
    await target.asked(5);
    await exporter.stop(1000);
    expect(exporter.dropped).toBe(2);
    expect(said).toEqual(["spans are dropped"]);
  });

  it("does not repeat what the collector will never take, and says when it takes spans again", async () => {
    const target = collector(new Response("", { status: 400 }), TAKEN);
    const { exporter, pass, said } = await start(target.fetch);
    exporter.export(SPAN);
    await pass();
    await target.asked(1);
    exporter.export(SPAN);
    await pass();
    await target.asked(2);
    await exporter.stop(1000);
    expect(target.batches).toEqual([1, 1]);
    expect(exporter.dropped).toBe(1);
    expect(said).toEqual(["spans are dropped", "spans reach the collector again"]);
  });

  it("counts what the collector says that it rejected", async () => {
    const target = collector(new Response('{"partialSuccess":{"rejectedSpans":"2"}}'));
    const { exporter, pass } = await start(target.fetch);
    for (let i = 0; i < 3; i++) exporter.export(SPAN);
    await pass();
    await target.asked(1);
    await exporter.stop(1000);
    expect(exporter.dropped).toBe(2);
  });

  it("holds no more than its queue, however long the collector is away", async () => {
    const target = collector(new Error("refused"));
    const { exporter, said } = await start(target.fetch, { maxQueue: 10, maxBatch: 5 });
    for (let i = 0; i < 1000; i++) exporter.export(SPAN);
    expect(exporter.queued).toBe(10);
    expect(exporter.dropped).toBe(990);
    await exporter.stop(1000);
    expect(exporter.queued).toBe(0);
    expect(exporter.dropped).toBe(1000);
    expect(said).toEqual(["spans are dropped"]);
  });

  it("sends what waits when it stops, in as many batches as it takes", async () => {
    const target = collector(TAKEN);
    const { exporter } = await start(target.fetch, { maxBatch: 5 });
    for (let i = 0; i < 4; i++) exporter.export(SPAN);
    await exporter.stop(1000);
    expect(target.batches).toEqual([4]);
    exporter.export(SPAN);
    expect(exporter.dropped).toBe(1);
  });

  it("is cut when the grace period ends while the collector does not answer", async () => {
    const silent = ((_url: string, { signal }: { signal: AbortSignal }) =>
      new Promise((_resolve, reject) =>
        signal.addEventListener("abort", () => reject(signal.reason as Error)),
      )) as unknown as typeof globalThis.fetch;
    const { exporter } = await start(silent);
    exporter.export(SPAN);
    await exporter.stop(5);
    expect(exporter.dropped).toBe(1);
  });
});
