/** Usage events of language models, from their topic to the functions that want them. */
import { tempDir, waitFor } from "@hanzo-fn/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { callFunction } from "./support/deploys.ts";
import { eventsApi, type EventsApi, eventually, publishOn } from "./support/events.ts";
import { deployFunction, NEIGHBOUR } from "./support/functions.ts";
import { type Ledger, startLedger } from "./support/ledger.ts";
import { startPlatform, type TestPlatform } from "./support/platform.ts";

let ledger: Ledger;
let platform: TestPlatform;
let events: EventsApi;
beforeAll(async () => {
  ledger = await startLedger();
  platform = await startPlatform();
  events = eventsApi(platform);
  await deployFunction(platform, NEIGHBOUR);
});
afterAll(async () => {
  await platform?.[Symbol.asyncDispose]();
  await ledger?.[Symbol.asyncDispose]();
});

interface Usage {
  readonly model: string;
  readonly tokens: number;
  readonly status?: "success" | "error";
}

/** As the gateway of language models reports a call. */
async function report(to: TestPlatform, { model, tokens, status = "success" }: Usage): Promise<void> {
  await publishOn(to, "llm_usage", { model, status, total_tokens: tokens });
}

/** What a function was told of, as model and tokens. */
const toldOf = (name: string): string[] =>
  ledger.seenBy(name).map(({ data }) => {
    const { model, total_tokens: tokens } = ((data as { data?: unknown }).data ?? data) as {
      model: string;
      total_tokens: number;
    };
    return `${model} ${tokens}`;
  });

test("the standard's inference block deploys as it is printed, and its function gets the events that it names", async () => {
  const block = `  - type: inference
    models: [zen-7b, zen-14b]  # Filter by model
    event_types: [completed, failed]  # Filter by outcome
    min_tokens: 1000  # Filter by token count
`;
  await deployFunction(platform, ledger.function("watch", block));
  await report(platform, { model: "zen-7b", tokens: 999 });
  await report(platform, { model: "zen-7b", tokens: 1000 });
  await report(platform, { model: "other", tokens: 5000 });
  await report(platform, { model: "zen-14b", tokens: 2000, status: "error" });
  await waitFor("two of them", () => toldOf("watch").length >= 2, eventually);
  expect(toldOf("watch").toSorted()).toEqual(["zen-14b 2000", "zen-7b 1000"]);
  const { id } = await events.triggerOf("watch");
  expect(ledger.seenBy("watch")[0]?.trigger).toMatchObject({ type: "inference", source: "llm_usage", id });
  expect(await events.triggerOf("watch")).toMatchObject({ type: "inference", state: "active" });
});

test("a function that hangs holds neither the topic nor its neighbours", async () => {
  const trigger = "  - {type: inference, models: [zen-7b], batch_size: 1}\n";
  const hang = "await new Promise(() => {});";
  await deployFunction(platform, ledger.function("stuck", trigger, hang, "resources: {timeout: 5s}\n"));
  await deployFunction(platform, ledger.function("quick", trigger));
  for (let n = 1; n <= 5; n++) await report(platform, { model: "zen-7b", tokens: n });
  await waitFor("all of them", () => toldOf("quick").length >= 5, eventually);
  expect(new Set(toldOf("quick")).size).toBe(5);
  expect((await callFunction(platform, "neighbour")).status).toBe(200);
  const lag = await waitFor(
    "what waits for the other",
    async () => {
      const { lag } = await events.detailOf("stuck");
      return lag !== undefined && lag.items > 0 && lag;
    },
    eventually,
  );
  expect(lag.items).toBeLessThanOrEqual(5);
});

test("a paused trigger's matches wait for it; a deleted function's trigger goes", async () => {
  const trigger = "  - {type: inference, models: [paused-model]}\n";
  await deployFunction(platform, ledger.function("rests", trigger));
  const { id } = await events.triggerOf("rests");
  await events.post(`/v1/triggers/${id}/pause`);
  await report(platform, { model: "paused-model", tokens: 1 });
  await report(platform, { model: "paused-model", tokens: 2 });
  await events.post(`/v1/triggers/${id}/resume`);
  await waitFor("both", () => toldOf("rests").length >= 2, eventually);
  await platform.ok(["delete", "rests"]);
  await waitFor("its trigger to go", async () => (await events.triggersOf("rests")).length === 0, eventually);
});

test("an event that makes the function fail is parked; records that are no usage events are passed by", async () => {
  const trigger =
    "  - {type: inference, models: [bad], retry: {attempts: 2, backoff: {initial: 10ms, max: 20ms}}}\n";
  await deployFunction(platform, ledger.function("fails", trigger, "throw new Error('no luck');"));
  await publishOn(platform, "llm_usage", "no usage event");
  await report(platform, { model: "bad", tokens: 1 });
  const letter = await waitFor("a letter", async () => (await events.lettersOf("fails")).at(0), eventually);
  expect(letter).toMatchObject({ reason: "attempts", attempts: 2 });
  expect((await callFunction(platform, "neighbour")).status).toBe(200);
});

test("a platform that is killed hands every match on", async () => {
  await using data = await tempDir("hfn-data-");
  const first = await startPlatform({ dataDir: data.path });
  await deployFunction(first, ledger.function("survivor", "  - {type: inference, models: [m]}\n"));
  for (let n = 1; n <= 5; n++) await report(first, { model: "m", tokens: n });
  await first.kill();
  await using second = await startPlatform({ dataDir: data.path });
  await report(second, { model: "m", tokens: 6 });
  const all = (): boolean => new Set(toldOf("survivor")).size === 6;
  await waitFor("all of them", all, { timeoutMs: 60_000, everyMs: 100 });
}, 120_000);
