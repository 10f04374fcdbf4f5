import type { Publisher } from "@hanzo-fn/brokers";
import { type InferenceTrigger, triggerKey, ulid } from "@hanzo-fn/contract";
import { systemClock } from "@hanzo-fn/lifecycle";
import type { DeadLetterRow, Store, TriggerRow } from "@hanzo-fn/store";
import { createRegistry, silentLogger } from "@hanzo-fn/telemetry";
import { waitFor } from "@hanzo-fn/testkit";
import { describe, expect, test } from "vitest";
import type { TriggerKind } from "../manager/kind.ts";
import type { MqBroker } from "../mq/broker.ts";
import type { StreamBroker } from "../stream/broker.ts";
import { deployCron, type FakeFunction, type SeenCall, testTriggers } from "../test-setup.ts";
import { createInferenceKind } from "./kind.ts";
import { subjectOf } from "./matches.ts";
import { createInferenceMetrics } from "./metrics.ts";
import { inferenceTrigger, usage } from "./test-events.ts";

const patient = new AbortController().signal;

/** What one replica has of the brokers; closed by whoever made it. */
export interface Connections {
  readonly topics: StreamBroker;
  readonly matches: MqBroker;
  /** To queues of users. */
  readonly queues: Publisher;
  close(): Promise<void>;
}

/** Brokers of one test, beside its database. */
export interface InferenceUnderTest {
  readonly topic: string;
  connect(): Connections;
  /** Appends records to the topic; their places, as event ids have them. */
  publish(values: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

/** Its topic's part, by a publisher that is then its own. */
export function publishingTo(
  topic: string,
  publisher: Publisher,
): Pick<InferenceUnderTest, "topic" | "publish" | "close"> {
  const send = (value: string) =>
    publisher.publish({ target: topic, id: "evt", headers: {}, body: Buffer.from(value) }, patient);
  return {
    topic,
    publish: async (values) => void (await Promise.all(values.map(send))),
    close: () => publisher.close(),
  };
}

export type SetupInference = (store: Store) => Promise<InferenceUnderTest>;

export async function openPlatform(setup: SetupInference, { waitingLimit }: { waitingLimit?: number } = {}) {
  const stack = new AsyncDisposableStack();
  const t = stack.use(await testTriggers());
  const { store } = t;
  const under = await setup(store);
  stack.defer(() => under.close());
  const kindOf = (change: (topics: StreamBroker) => StreamBroker = (topics) => topics) => {
    const connections = under.connect();
    stack.defer(() => connections.close());
    const { matches, queues } = connections;
    const topics = change(connections.topics);
    const registry = createRegistry("hanzo_fn");
    const kind = createInferenceKind(
      {
        store,
        topics,
        matches,
        publisher: queues,
        metrics: createInferenceMetrics(registry, under.topic),
        clock: systemClock,
        log: silentLogger,
        seesAll: (org) => org === "operator",
      },
      { topic: under.topic, groupPrefix: `${under.topic}-`, waitingLimit },
    );
    return { kind: kind as unknown as TriggerKind, registry, connections };
  };
  const deployer = kindOf();
  /** As a deploy does: prepared, recorded, answered. */
  const deploy = async (fn: string, specs: readonly InferenceTrigger[]): Promise<readonly TriggerRow[]> => {
    await deployCron(store, fn, []);
    const record = await deployer.kind.prepare?.("acme", fn, specs, patient);
    return store.withTransaction(async (tx) => {
      const wanted = specs.map((spec) => {
        return { type: "inference", key: triggerKey(spec, fn), spec: { ...spec } as never };
      });
      const rows = await tx.triggers.replace("acme", fn, wanted, () => `trg_${ulid()}`, new Date());
      await record?.(tx, rows);
      await tx.notifyChange("acme", fn);
      return rows;
    });
  };
  const calls: SeenCall[] = [];
  return {
    ...{ t, store, under, calls, deploy, deployer },
    async serve(
      answer: FakeFunction = () => ({ status: 200 }),
      change?: (topics: StreamBroker) => StreamBroker,
    ) {
      const { kind, registry, connections } = kindOf(change);
      const seen: FakeFunction = (call, signal) => {
        calls.push(call);
        return answer(call, signal);
      };
      const replica = await t.replica(seen, { kinds: [kind] });
      stack.defer(() => replica.stop());
      return { ...replica, connections, figures: () => registry.text() };
    },
    requestsOf: (fn: string): string[] =>
      calls
        .filter((call) => call.function === fn)
        .map(({ body }) => JSON.parse(body).data.request_id as string),
    async letters(): Promise<readonly DeadLetterRow[]> {
      return store.deadLetters.list({ filter: { org: "acme" }, limit: 10 });
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

const numbers = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, i) => `r${from + i}`);
const sorted = (ids: readonly string[]): string[] =>
  ids.toSorted((a, b) => Number(a.slice(1)) - Number(b.slice(1)));

/** As for a replica that is killed before each commit. */
const withoutCommits = (topics: StreamBroker): StreamBroker => ({
  ...topics,
  async connect(...given) {
    const member = await topics.connect(...given);
    return {
      wake: () => member.wake(),
      commit: () => Promise.reject(new Error("it was killed")),
      close: () => member.close(),
    };
  },
});

/** What holds on whichever brokers. */
export function exerciseInference(name: string, setup: SetupInference): void {
  describe(`an inference trigger on ${name}`, () => {
    test("calls its function with each record that it wants, of its own organisation only", async () => {
      await using p = await openPlatform(setup);
      const [row] = await p.deploy("f", [inferenceTrigger({ models: ["zen-7b"] })]);
      const { figures } = await p.serve();
      const theirs = usage("r1", { org: "org_globex" });
      await p.under.publish([usage("r0"), theirs, usage("r2", { model: "zen-72b" }), "no json", usage("r3")]);
      await waitFor("both calls", () => p.calls.length >= 2, { timeoutMs: 60_000 });
      expect(sorted(p.requestsOf("f"))).toEqual(["r0", "r3"]);
      const call = p.calls.find(({ body }) => body === usage("r0"));
      expect(call).toMatchObject({ triggerId: row!.id, attempt: 1, source: p.under.topic });
      expect(call?.key).toMatch(new RegExp(`^(kafka|log):${p.under.topic}:\\d+:\\d+$`));
      expect(figures()).toContain('hanzo_fn_inference_records_total{outcome="unreadable"} 1');
    });

    test("sees every record from the end of the log on as it was at its deploy, and none before", async () => {
      await using p = await openPlatform(setup);
      await p.under.publish([usage("r0")]);
      await p.deploy("f", [inferenceTrigger()]);
      await p.under.publish([usage("r1")]);
      // Nobody has read anything yet.
      await p.deploy("g", [inferenceTrigger()]);
      await p.under.publish([usage("r2")]);
      await p.serve();
      await waitFor("all calls", () => p.calls.length >= 3, { timeoutMs: 60_000 });
      expect(sorted(p.requestsOf("f"))).toEqual(["r1", "r2"]);
      expect(p.requestsOf("g")).toEqual(["r2"]);
      // While it is read, no record that comes after an answer is missed.
      await p.deploy("h", [inferenceTrigger()]);
      await p.under.publish([usage("r3")]);
      await waitFor("the new one", () => p.requestsOf("h").length >= 1, { timeoutMs: 60_000 });
      expect(p.requestsOf("h")).toEqual(["r3"]);
    });

    test("whose function hangs holds neither its neighbour nor the topic", async () => {
      await using p = await openPlatform(setup);
      await p.deploy("slow", [inferenceTrigger({ max_concurrency: 1 })]);
      await p.deploy("quick", [inferenceTrigger()]);
      const end = Promise.withResolvers<void>();
      const { connections } = await p.serve(async ({ function: fn }) => {
        if (fn === "slow") await end.promise;
        return { status: 200 };
      });
      await p.under.publish(numbers(20).map((id) => usage(id)));
      await waitFor("the neighbour", () => p.requestsOf("quick").length === 20, { timeoutMs: 60_000 });
      const place = { group: `${p.under.topic}-inference.tee`, topic: p.under.topic };
      await waitFor("the topic", async () => (await connections.topics.lag(place, patient)).items === 0, {
        timeoutMs: 60_000,
      });
      expect(p.requestsOf("slow").length).toBe(1);
      end.resolve();
      await waitFor("the slow one", () => new Set(p.requestsOf("slow")).size === 20, { timeoutMs: 60_000 });
      expect(p.requestsOf("slow").length).toBe(20);
    });

    test("that was removed has neither a consumer nor matches any more", async () => {
      await using p = await openPlatform(setup);
      const [row] = await p.deploy("f", [inferenceTrigger()]);
      const { connections, manager } = await p.serve(() => ({ status: 503, notDelivered: "starting" }));
      await p.under.publish(numbers(5).map((id) => usage(id)));
      await waitFor("the matches", async () => (await manager.lag(row!))?.items === 5, { timeoutMs: 60_000 });
      await p.deploy("f", []);
      const gone = async (): Promise<boolean> => (await p.store.triggers.get("acme", row!.id)) === undefined;
      await waitFor("the trigger to go", gone, { timeoutMs: 60_000 });
      expect(await p.store.mqBindings.of("acme", "f")).toEqual([]);
      const wish = { name: "look", subject: subjectOf(row!.id), description: "", maxAckPending: 10 };
      const consumer = await connections.matches.ensure(wish, patient);
      const lags = await connections.matches.lags([consumer], patient);
      expect(lags.get(consumer)).toMatchObject({ items: 0 });
    });

    test("parks what fails under the record's id, and redrives it once", async () => {
      await using p = await openPlatform(setup);
      const [row] = await p.deploy("f", [inferenceTrigger()]);
      let isBroken = true;
      const { manager } = await p.serve(() => ({ status: isBroken ? 500 : 200 }));
      await p.under.publish([usage("r0")]);
      const [letter] = await waitFor(
        "the dead letter",
        async () => {
          const found = await p.letters();
          return found[0]?.publishedAt != null && found;
        },
        { timeoutMs: 60_000 },
      );
      expect(letter).toMatchObject({
        eventId: p.calls[0]?.key,
        source: p.under.topic,
        attempts: 2,
        triggerId: row!.id,
      });
      isBroken = false;
      const eventId = await manager.redrive(letter!);
      const again = await waitFor("the new event", () => p.calls.find(({ key }) => key === eventId), {
        timeoutMs: 60_000,
      });
      expect(again).toMatchObject({ body: usage("r0"), attempt: 1 });
      await expect(manager.redrive((await p.letters())[0]!)).rejects.toMatchObject({ code: "conflict" });
    });

    test("gets nothing twice of what was handed on by a replica that died before it said so", async () => {
      await using p = await openPlatform(setup);
      await p.deploy("f", [inferenceTrigger()]);
      const first = await p.serve(undefined, withoutCommits);
      await p.under.publish(numbers(20).map((id) => usage(id)));
      await waitFor("all calls", () => p.calls.length === 20, { timeoutMs: 60_000 });
      await first.stop();
      const { figures } = await p.serve();
      const again = 'hanzo_fn_inference_matches_total{outcome="duplicate"} 20';
      await waitFor("them to be read again", () => figures().includes(again), { timeoutMs: 60_000 });
      await p.under.publish([usage("r20")]);
      await waitFor("the next one", () => p.requestsOf("f").includes("r20"), { timeoutMs: 60_000 });
      expect(sorted(p.requestsOf("f"))).toEqual(numbers(21));
    });

    test("gets every record once where one replica takes the place of another", async () => {
      await using p = await openPlatform(setup);
      await p.deploy("f", [inferenceTrigger()]);
      const first = await p.serve();
      await p.under.publish(numbers(50).map((id) => usage(id)));
      await waitFor("some", () => p.calls.length > 10, { timeoutMs: 60_000 });
      await first.stop();
      await p.under.publish(numbers(50, 50).map((id) => usage(id)));
      await p.serve();
      await waitFor("all", () => new Set(p.requestsOf("f")).size === 100, { timeoutMs: 60_000 });
      expect(sorted(p.requestsOf("f"))).toEqual(numbers(100));
    });
  });
}
