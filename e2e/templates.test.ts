/** What `hanzo-fn init` makes for events, as it is, on a platform: `hanzo-fn dev` only stands in for one. */
import { join } from "node:path";
import { waitFor } from "@hanzo-fn/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventsApi, type EventsApi, eventually, publishOn } from "./support/events.ts";
import { startPlatform, type TestPlatform } from "./support/platform.ts";

let platform: TestPlatform;
let events: EventsApi;
beforeAll(async () => {
  platform = await startPlatform();
  events = eventsApi(platform);
});
afterAll(() => platform?.[Symbol.asyncDispose]());

/** Makes and deploys the TypeScript function of a template, under the template's name. */
async function deployed(template: string): Promise<void> {
  const init = ["init", "--runtime", "typescript", "--template", template, "--name", template];
  await platform.ok(init, { cwd: platform.home });
  await platform.ok(["deploy", "--source", join(platform.home, template)]);
}

async function publish(to: string, ...messages: readonly unknown[]): Promise<void> {
  for (const message of messages) await publishOn(platform, to, message);
}

/** Waits for a line of a function's log. */
async function logged(name: string, line: RegExp): Promise<string> {
  return waitFor(
    `${line} in the log of ${name}`,
    async () => line.exec(await platform.ok(["logs", name]))?.[0],
    eventually,
  );
}

test("queue: what is published is fulfilled, and of a batch only what cannot be is a dead letter", async () => {
  await deployed("queue");
  await publish("mq.orders.new", { order: "o-1", sku: "rye-bread", quantity: 1 }, { sku: "no number" });
  await logged("queue", /order fulfilled .*o-1/);
  const letters = await waitFor(
    "a dead letter",
    async () => (await events.lettersOf("queue")).length > 0 && events.lettersOf("queue"),
    eventually,
  );
  expect(letters).toEqual([expect.objectContaining({ reason: "rejected", source: "mq.orders.new" })]);
});

test("stream: events of the topic are counted by their offsets", async () => {
  await deployed("stream");
  await publish("page_views", { page: "/bread" }, { page: "/bread" });
  expect(await logged("stream", /views counted .*/)).toMatch(/"events":[12]\b/);
});

test("cron: the schedule has its next time, at six o'clock by the zone's clock", async () => {
  await deployed("cron");
  const { next_fire_at: next = "" } = await events.triggerOf("cron");
  const time = new Date(next).toLocaleTimeString("en-GB", { timeZone: "Europe/Berlin" });
  expect(time).toBe("06:00:00");
});

test("inference: events that pass the filter add up, and over the limit there is an alert", async () => {
  await deployed("inference");
  const used = (tokens: number) => ({ model: "zen-7b", status: "success", total_tokens: tokens });
  await publish("llm_usage", used(10), used(1_000_000));
  expect(await logged("inference", /limit reached .*/)).toMatch(/"total":1000000\b/);
});
