import { systemClock } from "@hanzo-fn/lifecycle";
import type { Store } from "@hanzo-fn/store";
import { silentLogger } from "@hanzo-fn/telemetry";
import { createEmbeddedMqBroker } from "../mq/embedded/broker.ts";
import { createEmbeddedPublisher } from "../stream/embedded/embedded-publisher.ts";
import { createEmbeddedStreamBroker } from "../stream/embedded/embedded-broker.ts";
import { waitFor } from "@hanzo-fn/testkit";
import { expect, test } from "vitest";
import { exerciseInference, type InferenceUnderTest, openPlatform, publishingTo } from "./exercise.ts";
import { MATCH_STREAM } from "./matches.ts";
import { inferenceTrigger, usage } from "./test-events.ts";

const TIMING = { sessionTimeoutMs: 12_000, rebalanceTimeoutMs: 24_000, heartbeatMs: 200 };
const parts = { clock: systemClock, log: silentLogger };

function setup(store: Store): Promise<InferenceUnderTest> {
  const publisher = createEmbeddedPublisher({ log: store.streamLog });
  return Promise.resolve({
    ...publishingTo("llm_usage", publisher),
    connect() {
      const matches = createEmbeddedMqBroker({ store, ...parts }, { stream: MATCH_STREAM });
      const queues = createEmbeddedMqBroker({ store, ...parts });
      return {
        topics: createEmbeddedStreamBroker({ store, ...parts }, { timing: TIMING }),
        matches,
        queues: queues.publisher,
        async close() {
          await Promise.all([matches.close(), queues.close()]);
        },
      };
    },
  });
}

exerciseInference("the platform's own database", setup);

const usages = (count: number): string[] => Array.from({ length: count }, (_, i) => usage(`r${i}`));

test("a paused inference trigger has its matches wait, up to its limit, and loses no other's", async () => {
  await using p = await openPlatform(setup, { waitingLimit: 4 });
  const [paused] = await p.deploy("f", [inferenceTrigger()]);
  await p.deploy("g", [inferenceTrigger()]);
  const pause = (isPaused: boolean) =>
    p.store.withTransaction(async (tx) => {
      await tx.triggers.setPaused("acme", paused!.id, isPaused, new Date());
      await tx.notifyChange("acme", "f");
    });
  await pause(true);
  const { figures } = await p.serve();
  for (const value of usages(10)) {
    const before = p.requestsOf("g").length;
    await p.under.publish([value]);
    await waitFor("the other one", () => p.requestsOf("g").length > before);
  }
  expect(p.requestsOf("f")).toEqual([]);
  expect(figures()).toContain('hanzo_fn_inference_matches_total{outcome="over_limit"} 6');
  await pause(false);
  await waitFor("what waited", () => p.requestsOf("f").length === 4);
});

test("two replicas share the topic, and each record is delivered once", async () => {
  await using p = await openPlatform(setup);
  await p.deploy("f", [inferenceTrigger()]);
  const replicas = [await p.serve(), await p.serve()];
  const reads = (figures: string): number =>
    Number(/inference_records_total\{outcome="matched"\} (\d+)/.exec(figures)?.[1] ?? 0);
  let published = 0;
  const bothRead = async (): Promise<boolean> => {
    await p.under.publish([usage(`r${published++}`)]);
    return replicas.every(({ figures }) => reads(figures()) > 0);
  };
  await waitFor("both to read", bothRead, { everyMs: 50, timeoutMs: 60_000 });
  await waitFor("all calls", () => new Set(p.requestsOf("f")).size === published, { timeoutMs: 60_000 });
  expect(p.calls.length).toBe(published);
});

test("without a trigger nobody reads, and one that comes later does not see what was before it", async () => {
  await using p = await openPlatform(setup);
  const [row] = await p.deploy("f", [inferenceTrigger()]);
  await p.serve();
  await p.under.publish([usage("r0")]);
  await waitFor("the call", () => p.calls.length === 1);
  await p.deploy("f", []);
  const place = { group: `${p.under.topic}-inference.tee`, topic: p.under.topic };
  await waitFor("the group to go", async () => (await p.store.streamGroups.positions(place)).length === 0, {
    timeoutMs: 60_000,
  });
  await waitFor("the trigger to go", async () => (await p.store.triggers.get("acme", row!.id)) === undefined);
  await p.under.publish([usage("r1")]);
  await p.deploy("g", [inferenceTrigger()]);
  await p.under.publish([usage("r2")]);
  await waitFor("the new one", () => p.requestsOf("g").length > 0, { timeoutMs: 60_000 });
  expect(p.requestsOf("g")).toEqual(["r2"]);
});
