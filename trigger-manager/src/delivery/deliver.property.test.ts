import { createFakeClock, seeded, settle } from "@hanzo-fn/testkit";
import { silentLogger } from "@hanzo-fn/telemetry";
import { describe, expect, it } from "vitest";
import { createBudget, REPLICA_BUDGET } from "./budget.ts";
import type { CallResult } from "./classify.ts";
import { createDelivery, type Delivery } from "./deliver.ts";
import type { Delivered } from "./encode.ts";
import { createFakeSource, type FakeSource } from "./fake-source.ts";
import type { DeadLetter } from "./parking.ts";
import type { DeliverySettings, Ordering } from "./settings.ts";
import type { Settlement } from "./source.ts";

interface Plan {
  readonly ordering: Ordering;
  readonly redelivers: boolean;
  readonly partial: boolean;
  readonly batchSize: number;
  readonly replicas: number;
  /** Replicas are killed, events are taken away from them, and the broker and the dead letters fail. */
  readonly faults: boolean;
}

const EVENTS = 120;
const ATTEMPTS = 4;
const isPoison = (name: string): boolean => Number(name.slice(1)) % 17 === 3;

function settingsOf(plan: Plan): DeliverySettings {
  return {
    ordering: plan.ordering,
    batchSize: plan.batchSize,
    maxBatchWaitMs: 200,
    maxBatchBytes: 6_000_000,
    attempts: ATTEMPTS,
    backoff: { initialMs: 100, factor: 2, maxMs: 1000 },
    on4xx: "park",
    partialResponse: plan.partial,
    maxEventAgeMs: 3_600_000,
    maxConcurrency: 6,
    deadlineMs: 4000,
  };
}

/** Who saw what of every event. Every violation of a promise is kept with its time. */
function createLedger(plan: Plan, now: () => number) {
  const published: { readonly name: string; readonly lane: string | undefined }[] = [];
  const successes = new Map<string, number>();
  /** Calls of an event that counted, as far as one can tell from outside: failed ones of its own. */
  const failures = new Map<string, number>();
  const letters = new Map<string, DeadLetter>();
  const problems: string[] = [];
  const say = (problem: string): void => void problems.push(`${now()}: ${problem}`);
  const add = (counts: Map<string, number>, name: string): void =>
    void counts.set(name, (counts.get(name) ?? 0) + 1);
  const checkOrder = (names: readonly string[]): void => {
    for (const [i, name] of names.entries()) {
      const at = published.findIndex((one) => one.name === name);
      const lane = published[at]?.lane;
      if (lane === undefined) continue;
      for (const earlier of published.slice(0, at)) {
        const isDone = successes.has(earlier.name) || letters.has(earlier.name);
        if (earlier.lane === lane && !isDone && !names.slice(0, i).includes(earlier.name))
          say(`${name} came before ${earlier.name}`);
      }
    }
  };
  return {
    published,
    successes,
    letters,
    problems,
    starts(events: readonly Delivered[]) {
      checkOrder(events.map(({ event }) => event.id));
      for (const { event, attempt } of events) {
        if (attempt > ATTEMPTS) say(`${event.id} had an attempt ${attempt}`);
        const isExact = plan.batchSize === 1 && !plan.faults;
        if (isExact && attempt !== 1 + (failures.get(event.id) ?? 0))
          say(`${event.id} had ${failures.get(event.id) ?? 0} failures before its attempt ${attempt}`);
      }
    },
    succeeded: (name: string): void => add(successes, name),
    failed: (name: string): void => add(failures, name),
    parked(letter: DeadLetter) {
      const { event, reason, attempts } = letter;
      if (reason === "attempts" && attempts !== ATTEMPTS) say(`${event.id} was parked after ${attempts}`);
      if (plan.batchSize === 1 && !plan.faults && attempts !== failures.get(event.id))
        say(`${event.id} was parked as ${attempts} with ${failures.get(event.id)} failures`);
      letters.set(event.id, letter);
    },
    settled({ kind, event }: Settlement) {
      if (kind === "ack" && !successes.has(event.id)) say(`${event.id} was acknowledged without a success`);
      if (kind === "park" && !letters.has(event.id)) say(`${event.id} was settled before it was parked`);
    },
  };
}
type Ledger = ReturnType<typeof createLedger>;

/** A function of moods: what it answers to these events, and after how long. */
function answerTo(names: readonly string[], plan: Plan, random: () => number, calm: boolean) {
  const answered = (status: number, body: unknown, notDelivered?: string): CallResult => {
    const bytes = Buffer.from(JSON.stringify(body));
    return { kind: "answered", answer: { status, headers: [], notDelivered, body: bytes, truncated: false } };
  };
  const mood = calm ? 1 : random();
  if (mood < 0.06) return { result: answered(503, {}, "no_capacity"), failed: undefined };
  if (mood < 0.12) return { result: answered(500, {}), failed: names };
  if (mood < 0.14) return { result: answered(422, {}), failed: names };
  if (mood < 0.17) return { result: { kind: "broken", error: "reset" } as const, failed: names };
  if (mood < 0.19) return { result: undefined, failed: names };
  if (mood < 0.22 && plan.partial)
    return { result: answered(200, { batchItemFailures: [{ itemIdentifier: "nobody" }] }), failed: names };
  const bad = names.filter((name) => isPoison(name) || (!calm && plan.partial && random() < 0.1));
  if (!plan.partial)
    return bad.length > 0
      ? { result: answered(500, {}), failed: names }
      : { result: answered(204, null), failed: [] };
  const list = bad.map((name) => ({ itemIdentifier: name }));
  return { result: answered(200, { batchItemFailures: list }), failed: bad };
}

interface World {
  readonly clock: ReturnType<typeof createFakeClock>;
  readonly source: FakeSource;
  readonly ledger: Ledger;
  readonly random: () => number;
  calm: boolean;
}

interface Replica {
  readonly delivery: Delivery;
  /** kill -9: what it holds is nobody's until its leases end. */
  kill(): void;
}

const never = new Promise<never>(() => {});

function startReplica(world: World, plan: Plan): Replica {
  const { clock, source, ledger, random } = world;
  const connection = source.connect();
  let isDead = false;
  const delivery = createDelivery(
    "trg_1",
    {
      source: connection,
      async invoke(events, signal) {
        if (isDead) return never;
        ledger.starts(events);
        const names = events.map(({ event }) => event.id);
        const { result, failed } = answerTo(names, plan, random, world.calm);
        await clock.sleep(random() * 500, signal).catch(() => {});
        if (signal.aborted) return { kind: "broken", error: "cut" };
        if (result === undefined) {
          signal.addEventListener("abort", () => {
            // Only the deadline counts; a stop does not.
            const isOverdue = (signal.reason as Error).message.startsWith("no answer within");
            if (isOverdue && !isDead) names.forEach(ledger.failed);
          });
          await clock.sleep(10_000, signal).catch(() => {});
          return { kind: "broken", error: "cut" };
        }
        for (const name of names) {
          if (failed === undefined) continue;
          if (failed.includes(name)) ledger.failed(name);
          else ledger.succeeded(name);
        }
        return result;
      },
      async park(letter) {
        if (isDead) return never;
        if (plan.faults && !world.calm && random() < 0.3) throw new Error("no database");
        ledger.parked(letter);
      },
      budget: createBudget(REPLICA_BUDGET),
      clock,
      log: silentLogger,
      ready: () => 2,
      observer: { call: () => {}, parked: () => {} },
      random,
    },
    settingsOf(plan),
  );
  void delivery.start(new AbortController().signal);
  return {
    delivery,
    kill() {
      isDead = true;
      connection.crash();
    },
  };
}

/** One life: events, answers, restarts and, where they are planned, faults; then calm until all is settled. */
async function live(seed: number, plan: Plan) {
  const random = seeded(seed);
  const clock = createFakeClock();
  const ledger = createLedger(plan, clock.now);
  const fails = (): boolean => plan.faults && !world.calm && random() < 0.05;
  const source = createFakeSource({
    now: clock.now,
    redelivers: plan.redelivers,
    leaseMs: 6000,
    // A lease that ends by itself goes to whoever asks next: in order only where the source has none.
    fails: (what) => (what !== "extend" || plan.ordering === "none") && fails(),
    onSettled: (settlement) => ledger.settled(settlement),
  });
  const world: World = { clock, source, ledger, random, calm: false };
  const publish = (i: number): void => {
    const partition = plan.ordering === "none" ? "" : String(Math.floor(random() * 3));
    const key = `k${Math.floor(random() * 5)}`;
    const name = `e${i}`;
    const lanes = { none: undefined, partition, key: `${partition} ${key}` };
    ledger.published.push({ name, lane: lanes[plan.ordering] });
    source.publish(name, { partition, key });
  };
  const replicas = Array.from({ length: plan.replicas }, () => startReplica(world, plan));
  const replace = async (i: number): Promise<void> => {
    const old = replicas[i] as Replica;
    if (plan.faults && random() < 0.7) {
      old.kill();
      replicas[i] = startReplica(world, plan);
      return;
    }
    const stopped = old.delivery.stop(random() < 0.5 ? 0 : 5000);
    for (let isStopped = false; !isStopped;) {
      await step(100);
      isStopped = await Promise.race([stopped.then(() => true), settle().then(() => false)]);
    }
    replicas[i] = startReplica(world, plan);
  };
  /** A stream loses a partition, a queue some of its messages. */
  const rebalance = (): void => {
    const chosen = Math.floor(random() * 3);
    source.revoke(
      ({ id, partition }) =>
        plan.redelivers ? Number(id.slice(1)) % 3 === chosen : partition === "" || partition === `${chosen}`,
      false,
    );
  };
  const step = async (ms: number): Promise<void> => {
    await clock.advance(ms);
    source.tick();
    await settle();
  };
  for (let i = 0; i < EVENTS; i++) {
    publish(i);
    if (random() < 0.5) await step(random() * 300);
    if (random() < 0.05) await replace(Math.floor(random() * plan.replicas));
    if (plan.faults && random() < 0.05) rebalance();
  }
  for (let i = 0; i < 40; i++) await step(250);
  world.calm = true;
  const isBusy = (): boolean =>
    source.pending.length > 0 || replicas.some(({ delivery }) => delivery.held > 0);
  for (let i = 0; i < 1000 && isBusy(); i++) await step(250);
  const duplicates = [...ledger.successes.values()].reduce((sum, n) => sum + n - 1, 0);
  return { ledger, source, duplicates, replicas };
}

function check(seed: number, plan: Plan, life: Awaited<ReturnType<typeof live>>): void {
  const { ledger, source, duplicates, replicas } = life;
  const bound = source.takenAway;
  const report = { seed, plan, duplicates, bound, pending: source.pending, problems: ledger.problems };
  const all = ledger.published.map(({ name }) => name);
  const lost = all.filter((name) => !ledger.successes.has(name) && !ledger.letters.has(name));
  expect({ ...report, lost }).toEqual({ ...report, lost: [], pending: [], problems: [] });
  expect(duplicates, JSON.stringify(report)).toBeLessThanOrEqual(bound);
  for (const name of all.filter(isPoison)) expect(ledger.letters.has(name), `${seed} ${name}`).toBe(true);
  for (const { delivery } of replicas) expect(delivery.held).toBe(0);
}

const PLANS: readonly [name: string, plan: Plan][] = [
  ["a queue, one event at a time", { ordering: "none", batchSize: 1, partial: false, redelivers: true }],
  ["a queue in batches", { ordering: "none", batchSize: 7, partial: false, redelivers: true }],
  ["a queue with partial answers", { ordering: "none", batchSize: 7, partial: true, redelivers: true }],
  ["a stream by partition", { ordering: "partition", batchSize: 7, partial: false, redelivers: false }],
  [
    "a stream by partition with partial answers",
    { ordering: "partition", batchSize: 7, partial: true, redelivers: false },
  ],
  [
    "a stream by partition, one event at a time",
    { ordering: "partition", batchSize: 1, partial: false, redelivers: false },
  ],
  ["a stream by key", { ordering: "key", batchSize: 7, partial: false, redelivers: false }],
  ["a stream without order", { ordering: "none", batchSize: 7, partial: true, redelivers: false }],
].map(([name, plan]) => [name, { replicas: 1, faults: false, ...(plan as object) }] as [string, Plan]);

const SEEDS = [1, 2, 3, 4, 5];

describe.each(PLANS)("%s", (_, plan) => {
  it.each(SEEDS)(
    "loses nothing, doubles nothing and keeps its order without a fault (seed %i)",
    async (seed) => {
      const life = await live(seed, plan);
      expect(life.source.takenAway).toBe(0);
      check(seed, plan, life);
    },
  );

  it.each(SEEDS)(
    "loses nothing under faults, and doubles no more than was taken away (seed %i)",
    async (seed) => {
      const faulty = { ...plan, faults: true, replicas: plan.redelivers ? 2 : 1 };
      check(seed, faulty, await live(seed + 1000, faulty));
    },
  );
});
