import { setTimeout as sleep } from "node:timers/promises";
import { deploySource } from "../deploy-source.ts";
import { makeServeHome, type ServeHome, type ServeProcess, startServe } from "../serve-process.ts";
import { atLeast, atMost, median, percentile, round, type Row, type SuiteOptions } from "../suite.ts";
import { type Broker, fill, startKafkaBroker, startNatsBroker } from "./broker.ts";
import type { EventsPart } from "./part.ts";

interface Sizes {
  readonly rounds: number;
  /** Events for batches of one, and for batches of 100. */
  readonly singles: number;
  readonly many: number;
  readonly seconds: number;
}
const FULL: Sizes = { rounds: 3, singles: 20_000, many: 100_000, seconds: 20 };
const SMOKE: Sizes = { rounds: 1, singles: 100, many: 1000, seconds: 1 };

const PER_SECOND = 500;
const NEIGHBOURS_PER_SECOND = 100;
const BATCH = 100;

/** What the function has seen since it was asked last: calls for events by the clock, and how late single events were. */
interface Seen {
  readonly events: number;
  /** Milliseconds since the epoch; 0 where there were none. */
  readonly firstAt: number;
  readonly lastAt: number;
  readonly late: readonly number[];
}

/** `slow` events take their time. Asked over HTTP, it says what it has seen. */
const CODE = `const nothing = () => ({ events: 0, firstAt: 0, lastAt: 0, late: [] as number[] });
let seen = nothing();
export const handle = async (ctx) => {
  if (ctx.trigger.type === "http") {
    const told = seen;
    seen = nothing();
    return told;
  }
  const now = Date.now();
  const events = ctx.batch ?? [ctx];
  seen.events += events.length;
  seen.firstAt ||= now;
  seen.lastAt = now;
  for (const one of events) {
    const data = one.data.data ?? one.data;
    if (data.slow) await new Promise((go) => setTimeout(go, data.slow));
    else if (data.at) seen.late.push(now - data.at);
  }
};
`;

async function api<T>(platform: ServeProcess, path: string, method = "GET"): Promise<T> {
  const headers = { Authorization: `Bearer ${platform.adminKey}` };
  const answer = await fetch(`${platform.api}${path}`, { method, headers });
  if (!answer.ok) throw new Error(`${path} was answered ${answer.status}: ${await answer.text()}`);
  return (await answer.json()) as T;
}

/** A function of one instance, called by this trigger and by HTTP; the trigger's id. */
async function deploy(
  platform: ServeProcess,
  home: ServeHome,
  name: string,
  trigger: string,
  signal: AbortSignal,
): Promise<string> {
  const manifest = `name: ${name}
runtime: typescript
version: 1.0.0
entry: handler.handle
resources: {concurrency: 64}
scaling: {min_instances: 1, max_instances: 1}
triggers:
  - {type: http, path: /v1/functions/${name}, methods: [GET]}
  - ${trigger}
`;
  await deploySource(platform, home.path, { name, manifest, file: "handler.ts", code: CODE }, signal);
  const { triggers } = await api<{ triggers: { id: string; type: string }[] }>(
    platform,
    `/v1/triggers?function=${name}`,
  );
  const id = triggers.find(({ type }) => type !== "http")?.id;
  if (id === undefined) throw new Error(`${name} has no trigger`);
  return id;
}

async function ask(platform: ServeProcess, name: string): Promise<Seen> {
  const { body } = await platform.call(name);
  return JSON.parse(body) as Seen;
}

/** Events per second, from the first call for some of them to the last one. */
async function drain(
  platform: ServeProcess,
  broker: Broker,
  { id, name, target, count }: Record<"id" | "name" | "target", string> & { readonly count: number },
  signal: AbortSignal,
): Promise<number> {
  await api(platform, `/v1/triggers/${id}/pause`, "POST");
  await fill(broker, target, count, signal);
  await api(platform, `/v1/triggers/${id}/resume`, "POST");
  let done = 0;
  let firstAt = Infinity;
  for (;;) {
    const { events, firstAt: first, lastAt } = await ask(platform, name);
    done += events;
    if (events > 0) firstAt = Math.min(firstAt, first);
    if (done > count) throw new Error(`${name} was called for ${done} events, ${count} were published`);
    if (done === count) return (count * 1000) / (lastAt - firstAt);
    await sleep(100, undefined, { signal });
  }
}

/** Publishes at a steady rate what `dataOf` says. */
async function publishAtRate(
  broker: Broker,
  target: string,
  { perSecond, seconds }: { readonly perSecond: number; readonly seconds: number },
  signal: AbortSignal,
): Promise<void> {
  const began = performance.now();
  const sent: Promise<unknown>[] = [];
  while (sent.length < perSecond * seconds) {
    const n = sent.length;
    if (performance.now() < began + (n * 1000) / perSecond) {
      await sleep(1, undefined, { signal });
      continue;
    }
    const schema = target.startsWith("mq.") ? "hanzo.mq.v1" : "hanzo.stream.v1";
    const envelope = { schema, id: `r${n}`, org_id: "local", data: { at: Date.now() } };
    const body = Buffer.from(JSON.stringify(envelope));
    const id = `${target}-r${began}-${n}`;
    sent.push(broker.publisher.publish({ target, id, key: `k${n % 64}`, headers: {}, body }, signal));
  }
  await Promise.all(sent);
}

async function seen(
  platform: ServeProcess,
  name: string,
  count: number,
  signal: AbortSignal,
): Promise<number[]> {
  const late: number[] = [];
  while (late.length < count) {
    late.push(...(await ask(platform, name)).late);
    if (late.length < count) await sleep(100, undefined, { signal });
  }
  return late;
}

async function withPlatform<T>(
  broker: Broker,
  signal: AbortSignal,
  use: (platform: ServeProcess, home: ServeHome) => Promise<T>,
): Promise<T> {
  await using home = await makeServeHome();
  await using platform = await startServe(home, broker.config, signal);
  return await use(platform, home);
}

/** How the trigger of a kind is written, and where its events go. */
interface Kind {
  readonly part: "mq" | "stream";
  target(name: string): string;
  trigger(target: string, batch: number): string;
}
const MQ: Kind = {
  part: "mq",
  target: (name) => `mq.bench.${name}`,
  trigger: (target, batch) => `{type: mq, source: ${target}, batch_size: ${batch}, max_batch_wait: 50ms}`,
};
const STREAM: Kind = {
  part: "stream",
  target: (name) => `bench_${name}`,
  trigger: (target, batch) => `{type: stream, topic: ${target}, batch_size: ${batch}, max_batch_wait: 5ms}`,
};

/** Events per second that the broker's own client reads, from the first of a backlog to the last. */
async function ownRate(broker: Broker, target: string, count: number): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  let seenCount = 0;
  let firstAtMs = 0;
  await using _ = await broker.read(target, () => {
    if (seenCount++ === 0) firstAtMs = performance.now();
    if (seenCount === count) resolve((count * 1000) / (performance.now() - firstAtMs));
  });
  return await promise;
}

async function drains(
  broker: Broker,
  kind: Kind,
  { batch, count, rounds }: { readonly batch: number; readonly count: number; readonly rounds: number },
  signal: AbortSignal,
): Promise<Row> {
  const name = `b${batch}`;
  const target = kind.target(name);
  const rates: number[] = [];
  await broker.prepare(target);
  await withPlatform(broker, signal, async (platform, home) => {
    const id = await deploy(platform, home, name, kind.trigger(target, batch), signal);
    for (let i = 0; i < rounds; i++)
      rates.push(await drain(platform, broker, { id, name, target, count }, signal));
  });
  const own = kind.target(`own${batch}`);
  await broker.prepare(own);
  await fill(broker, own, count, signal);
  return {
    ...{ part: kind.part, what: `drain ${count} events, batches of ${batch}`, rounds },
    per_second: round(median(rates)),
    broker_own_per_second: round(await ownRate(broker, own, count)),
  };
}

/** How late the events are where the broker's own client reads them, and nothing else runs. */
async function ownLate(
  broker: Broker,
  target: string,
  seconds: number,
  signal: AbortSignal,
): Promise<number[]> {
  const atRate = { perSecond: PER_SECOND, seconds: 2 };
  const { promise, resolve } = Promise.withResolvers<void>();
  const late: number[] = [];
  await broker.prepare(target);
  await using _ = await broker.read(target, (body) => {
    const { data } = JSON.parse(Buffer.from(body).toString()) as { readonly data: { readonly at: number } };
    late.push(Date.now() - data.at);
    if (late.length === PER_SECOND * (atRate.seconds + seconds)) resolve();
  });
  await publishAtRate(broker, target, atRate, signal);
  await publishAtRate(broker, target, { ...atRate, seconds }, signal);
  await promise;
  return late.slice(PER_SECOND * atRate.seconds);
}

async function latency(broker: Broker, kind: Kind, seconds: number, signal: AbortSignal): Promise<Row> {
  const target = kind.target("steady");
  await broker.prepare(target);
  const late = await withPlatform(broker, signal, async (platform, home) => {
    await deploy(platform, home, "steady", kind.trigger(target, 1), signal);
    const atRate = { perSecond: PER_SECOND, seconds: 2 };
    await publishAtRate(broker, target, atRate, signal);
    await seen(platform, "steady", atRate.perSecond * atRate.seconds, signal);
    await publishAtRate(broker, target, { ...atRate, seconds }, signal);
    return seen(platform, "steady", PER_SECOND * seconds, signal);
  });
  const own = await ownLate(broker, kind.target("own_steady"), seconds, signal);
  return {
    ...{ part: kind.part, what: `publish to function start at ${PER_SECOND}/s`, events: late.length },
    p50_ms: round(percentile(late, 0.5)),
    p99_ms: round(percentile(late, 0.99)),
    broker_own_p99_ms: round(percentile(own, 0.99)),
  };
}

/** A function whose every call hangs for seconds, beside one that is quick. */
async function beside(broker: Broker, kind: Kind, seconds: number, signal: AbortSignal): Promise<Row> {
  const [slow, quick] = [kind.target("slow"), kind.target("quick")];
  await broker.prepare(slow);
  await broker.prepare(quick);
  const late = await withPlatform(broker, signal, async (platform, home) => {
    await deploy(platform, home, "slow", kind.trigger(slow, 1), signal);
    await deploy(platform, home, "quick", kind.trigger(quick, 1), signal);
    const schema = kind.part === "mq" ? "hanzo.mq.v1" : "hanzo.stream.v1";
    for (let n = 0; n < 500; n++) {
      const body = Buffer.from(
        JSON.stringify({ schema, id: `s${n}`, org_id: "local", data: { slow: 5000 } }),
      );
      await broker.publisher.publish({ target: slow, id: `s${n}`, key: `k${n}`, headers: {}, body }, signal);
    }
    await publishAtRate(broker, quick, { perSecond: NEIGHBOURS_PER_SECOND, seconds }, signal);
    return seen(platform, "quick", NEIGHBOURS_PER_SECOND * seconds, signal);
  });
  return {
    ...{ part: kind.part, what: "beside a function that hangs", events: late.length },
    p50_ms: round(percentile(late, 0.5)),
    p99_ms: round(percentile(late, 0.99)),
  };
}

const CONDITIONS = {
  backlog:
    "events of about 200 bytes, published while the trigger was paused; from the first call for some of them to the last",
  broker_own: "the same read and acknowledged by the broker's own client, without a function or a platform",
  steady:
    "from before the publication to the first line of the function, by one machine's clock; batches of one",
};

export const mqPart: EventsPart = {
  name: "mq",
  conditions: { ...CONDITIONS, mq_broker: "nats-server, one, file storage; a work queue" },
  async run(signal: AbortSignal, { smoke = false }: SuiteOptions) {
    const { rounds, singles, many, seconds } = smoke ? SMOKE : FULL;
    await using broker = await startNatsBroker();
    return [
      await drains(broker, MQ, { batch: 1, count: singles, rounds }, signal),
      await drains(broker, MQ, { batch: BATCH, count: many, rounds }, signal),
      await latency(broker, MQ, seconds, signal),
      await beside(broker, MQ, seconds, signal),
    ];
  },
  targets: ([one, batch, steady, neighbour]) => [
    atLeast("mq, batch 1, events a second", 2500, Number(one?.["per_second"])),
    atLeast("mq, batch 100, events a second", 25_000, Number(batch?.["per_second"])),
    atMost("mq, publish to function start at 500/s, ms (p99)", 10, Number(steady?.["p99_ms"])),
    atMost("mq, beside a function that hangs, ms (p99)", 250, Number(neighbour?.["p99_ms"])),
  ],
};

export const streamPart: EventsPart = {
  name: "stream",
  conditions: { stream_broker: "Apache Kafka (KRaft), one broker, 8 partitions" },
  async run(signal: AbortSignal, { smoke = false }: SuiteOptions) {
    const { rounds, many, seconds } = smoke ? SMOKE : FULL;
    await using broker = await startKafkaBroker();
    return [
      await drains(broker, STREAM, { batch: BATCH, count: 2 * many, rounds }, signal),
      await latency(broker, STREAM, seconds, signal),
      await beside(broker, STREAM, seconds, signal),
    ];
  },
  targets: ([batch, steady, neighbour]) => [
    atLeast("stream, batch 100, events a second", 40_000, Number(batch?.["per_second"])),
    atMost("stream, publish to function start at 500/s, ms (p99)", 10, Number(steady?.["p99_ms"])),
    atMost("stream, beside a function that hangs, ms (p99)", 250, Number(neighbour?.["p99_ms"])),
  ],
};
