/** Where outcomes go of calls that nobody waits for: `on_success` and `on_failure`. */
import { waitFor } from "@hanzo-fn/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { callFunction } from "./support/deploys.ts";
import { eventsApi, eventually, postPublish, publishOn } from "./support/events.ts";
import { RETRY } from "./support/failing.ts";
import { deployFunction, NEIGHBOUR } from "./support/functions.ts";
import { type Ledger, startLedger } from "./support/ledger.ts";
import { startPlatform, type TestPlatform } from "./support/platform.ts";
import { accepted, endOf } from "./support/tasks.ts";

const TO = "on_success: mq.done.things\non_failure: mq.failed.things\n";
const THEN = "if (ctx.data.bad) throw new Error('no luck');\n  return { doubled: ctx.data.n * 2 };";

let ledger: Ledger;
let platform: TestPlatform;
beforeAll(async () => {
  ledger = await startLedger();
  platform = await startPlatform({
    env: { HANZO_FN_EVENTS_TASK_BACKOFF: "10ms", HANZO_FN_EVENTS_TASK_ATTEMPTS: "2" },
  });
  await deployFunction(platform, NEIGHBOUR);
  await deployFunction(platform, ledger.function("done", "  - {type: mq, source: mq.done.things}\n"));
  await deployFunction(platform, ledger.function("failed", "  - {type: mq, source: mq.failed.things}\n"));
  const triggers = `  - {type: http, path: /v1/functions/works}\n  - {type: mq, source: mq.work.things, ${RETRY}}\n`;
  await deployFunction(platform, ledger.function("works", triggers, THEN, TO));
});
afterAll(async () => {
  await platform?.[Symbol.asyncDispose]();
  await ledger?.[Symbol.asyncDispose]();
});

const dataSeenBy = (name: string): unknown[] => ledger.seenBy(name).map(({ data }) => data);
const last = (name: string, count: number) =>
  waitFor(
    `${count} of ${name}`,
    () => dataSeenBy(name).length >= count && dataSeenBy(name).at(-1),
    eventually,
  );

test("the answer of an event goes to on_success, with the trace of the call", async () => {
  const trace = "0af7651916cd43dd8448eb211c80319c";
  const headers = { traceparent: `00-${trace}-b7ad6b7169203331-01` };
  const message = { subject: "mq.work.things", data: { n: 21 } };
  expect((await postPublish(platform, message, headers)).status).toBe(200);
  expect(await last("done", 1)).toEqual({ doubled: 42 });
  expect([ledger.seenBy("works")[0]?.trace, ledger.seenBy("done")[0]?.trace]).toEqual([trace, trace]);
});

test("an event that was given up is told to on_failure, and its dead letter is kept", async () => {
  await publishOn(platform, "mq.work.things", { bad: true });
  const told = await last("failed", 1);
  const [letter] = await eventsApi(platform).lettersOf("works");
  expect(told).toMatchObject({
    ...{ function: "works", trigger: { type: "mq" }, event: letter?.event, source: "mq.work.things" },
    ...{ reason: "attempts", attempts: 2, status: 500, data: { bad: true } },
  });
  expect((await callFunction(platform, "neighbour")).status).toBe(200);
});

test("asynchronous calls are told of in the same way; a call that somebody waits for is not", async () => {
  const id = await accepted(platform, "works", { body: '{"n":4}' });
  expect(await endOf(platform, id)).toMatchObject({ status: "succeeded" });
  expect(await last("done", 2)).toEqual({ doubled: 8 });
  const bad = await accepted(platform, "works", { body: '{"bad":true}' });
  expect(await endOf(platform, bad)).toMatchObject({ status: "failed" });
  expect(await last("failed", 2)).toMatchObject({
    ...{ function: "works", trigger: { id: bad, type: "async" }, reason: "attempts", data: { bad: true } },
  });
  expect((await callFunction(platform, "works", { n: 1 })).text).toContain("2");
  const again = await accepted(platform, "works", { body: '{"n":50}' });
  expect(await endOf(platform, again)).toMatchObject({ status: "succeeded" });
  expect(await last("done", 3)).toEqual({ doubled: 100 });
});
