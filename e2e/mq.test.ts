/** Message queues from `publish` to the function and back: on the platform's own database, and on NATS JetStream. */
import { readdir, readFile, rm } from "node:fs/promises";
import path from "node:path";
import { absentServer, type NatsServer, startNats, waitFor } from "@hanzo-fn/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { callFunction, expectError, uploadFunction } from "./support/deploys.ts";
import { eventsApi, type EventsApi, eventually, postPublish, publishOn } from "./support/events.ts";
import { expectParkedAgain, expectSurvival, FAILURES, parkedBy, RETRY } from "./support/failing.ts";
import { deployFunction, NEIGHBOUR } from "./support/functions.ts";
import { type Ledger, startLedger } from "./support/ledger.ts";
import { startPlatform, type TestPlatform } from "./support/platform.ts";

const absent = absentServer("nats-server");
/** Of calls at once, where the platform is killed in them. */
const MAX_CONCURRENCY = 4;

describe.each(["the platform's own queues", "NATS JetStream"] as const)("%s", (broker) => {
  const isNats = broker === "NATS JetStream";
  let nats: NatsServer | undefined;
  let ledger: Ledger;
  let platform: TestPlatform;
  let events: EventsApi;
  const options = (): { env: Record<string, string> } => {
    return { env: nats === undefined ? {} : { NATS_URL: nats.url, NATS_CREATE_STREAM: "true" } };
  };
  const publish = (subject: string, data: unknown, id?: string): Promise<string> =>
    publishOn(platform, subject, data, ...(id === undefined ? [] : ["--id", id]));
  const overlapping = () => ledger.function("overlap", `  - {type: mq, source: "mq.batch.*"}\n`);
  const dataSeenBy = (name: string): unknown[] => ledger.seenBy(name).map(({ data }) => data);
  const seen = (name: string, count: number) =>
    waitFor(
      `${count} calls of ${name}`,
      () => ledger.seenBy(name).length >= count && ledger.seenBy(name),
      eventually,
    );

  beforeAll(async () => {
    if (isNats && absent !== undefined) return;
    if (isNats) nats = await startNats();
    ledger = await startLedger();
    platform = await startPlatform(options());
    events = eventsApi(platform);
    await deployFunction(platform, NEIGHBOUR);
  });
  afterAll(async () => {
    await platform?.[Symbol.asyncDispose]();
    await ledger?.[Symbol.asyncDispose]();
    await nats?.[Symbol.asyncDispose]();
  });
  beforeEach((ctx) => {
    if (isNats && absent !== undefined) ctx.skip(absent);
  });

  test("the standard's mq block deploys as it is printed, and its function gets what is published", async () => {
    const block = `  - type: mq
    source: mq.batch.embeddings
    consumer_group: fn-embed-document
    batch_size: 1  # Messages per invocation (default: 1)
    max_batch_wait: 5s  # Max wait to fill batch
`;
    await deployFunction(platform, ledger.function("embed", block));
    await publish("mq.batch.embeddings", { text: "hello" }, "doc-1");
    await publish("mq.batch.embeddings", { text: "hello" }, "doc-1");
    await publish("mq.batch.embeddings", { text: "more" });
    await seen("embed", 2);
    expect(dataSeenBy("embed")).toEqual([{ text: "hello" }, { text: "more" }]);
    const { id } = await events.triggerOf("embed");
    expect(ledger.seenBy("embed")[0]?.trigger).toMatchObject({
      ...{ type: "mq", source: "mq.batch.embeddings", id, attempt: 1 },
    });
    expect(await events.drained("embed")).toMatchObject({
      type: "mq",
      source: "mq.batch.embeddings",
      state: "active",
    });
  });

  test("a wildcard takes every subject below it, in batches, and only what failed is tried again", async () => {
    const then =
      "return { results: ctx.batch.map(({ id, data, attempt }) =>\n" +
      "    data.n % 2 === 1 && attempt === 1 ? { id, error: { kind: 'transient', message: 'odd' } } : { id }) };";
    const trigger = `  - {type: mq, source: "mq.orders.*", batch_size: 10, max_batch_wait: 200ms, partial_response: true, ${RETRY}}\n`;
    await deployFunction(platform, ledger.function("orders", trigger, then));
    for (let n = 0; n < 6; n++) await publish(`mq.orders.s${n}`, { n });
    const done = await waitFor(
      "six events, three of them twice",
      () => {
        const items = ledger.seenBy("orders").flatMap(({ items }) => items ?? []);
        return items.length >= 9 && items;
      },
      eventually,
    );
    const attempts = done.map(({ data, attempt }) => `${(data as { n: number }).n}:${attempt}`);
    expect(attempts.toSorted()).toEqual(["0:1", "1:1", "1:2", "2:1", "3:1", "3:2", "4:1", "5:1", "5:2"]);
    expect(await events.lettersOf("orders")).toEqual([]);
  });

  test("ctx.publish calls another function's trigger, which has the request and the trace of the call that published", async () => {
    await deployFunction(platform, ledger.function("second", `  - {type: mq, source: mq.chain.next}\n`));
    const then = "return { id: await ctx.publish('mq.chain.next', { from: ctx.data.from }) };";
    const http = "  - {type: http, path: /v1/functions/first}\n";
    await deployFunction(platform, ledger.function("first", http, then));
    const answer = await callFunction(platform, "first", { from: "first" });
    expect([answer.status, answer.text]).toEqual([200, expect.stringContaining("task_")]);
    await seen("second", 1);
    expect(dataSeenBy("second")).toEqual([{ from: "first" }]);
    const [first, second] = [ledger.seenBy("first")[0], ledger.seenBy("second")[0]];
    expect(first?.trace).toMatch(/^[0-9a-f]{32}$/);
    expect(second).toMatchObject({ trace: first?.trace, requestId: first?.requestId });
  });

  test("functions that trigger themselves end, and the last one says why; the neighbour answers", async () => {
    const then = "return await ctx.publish('mq.loop.it', ctx.data + 1);";
    await deployFunction(
      platform,
      ledger.function("loops", `  - {type: mq, source: mq.loop.it, ${RETRY}}\n`, then),
    );
    await publish("mq.loop.it", 1);
    const letter = await waitFor("the end", async () => (await events.lettersOf("loops")).at(0), eventually);
    expect(letter).toMatchObject({ reason: "attempts", attempts: 2 });
    expect(new Set(dataSeenBy("loops"))).toEqual(new Set(Array.from({ length: 32 }, (_, n) => n + 1)));
    expect((await callFunction(platform, "neighbour")).status).toBe(200);
  });

  test("a paused trigger keeps what comes, a redeploy keeps its place, a resumed one goes on", async () => {
    const trigger = `  - {type: mq, source: mq.kept.things}\n`;
    await deployFunction(platform, ledger.function("kept", trigger));
    await publish("mq.kept.things", 1);
    await seen("kept", 1);
    const { id } = await events.triggerOf("kept");
    await events.post(`/v1/triggers/${id}/pause`);
    await publish("mq.kept.things", 2);
    const http = "  - {type: http, path: /v1/functions/kept}\n";
    await deployFunction(platform, ledger.function("kept", http + trigger, "return 'again';"));
    expect((await events.triggersOf("kept")).find(({ type }) => type === "mq")).toMatchObject({
      ...{ id, state: "paused" },
    });
    await publish("mq.kept.things", 3);
    await events.post(`/v1/triggers/${id}/resume`);
    await seen("kept", 3);
    expect(dataSeenBy("kept")).toEqual([1, 2, 3]);
  });

  describe("a function that fails", () => {
    test.each(FAILURES)(
      "%s: is retried, then its event is parked, kept and published; the neighbour answers",
      async (name, then, manifest) => {
        const trigger = `  - {type: mq, source: mq.bad.${name}, ${RETRY}}\n`;
        await deployFunction(platform, ledger.function(name, trigger, then, manifest));
        const parked = `  - {type: mq, source: mq.dlq.mq.bad.${name}}\n`;
        await deployFunction(platform, ledger.function(`after-${name}`, parked));
        await publish(`mq.bad.${name}`, { n: 1 });
        const letter = await parkedBy(platform, name);
        expect(letter).toMatchObject({ reason: "attempts", attempts: 2, source: `mq.bad.${name}` });
        expect((await events.letter(letter.id)).data).toEqual({ n: 1 });
        expect(ledger.seenBy(name).map(({ trigger }) => trigger.attempt)).toEqual([1, 2]);
        await seen(`after-${name}`, 1);
        expect(dataSeenBy(`after-${name}`)).toEqual([{ n: 1 }]);
      },
    );

    test("a redrive into the same failure parks again, as a new event that names the letter it came from", () =>
      expectParkedAgain(platform, "fails-500"));

    test("a redrive after the failure is mended brings a long payload whole; one whose payload is gone says so", async () => {
      const trigger = `  - {type: mq, source: mq.bad.long, ${RETRY}}\n`;
      await deployFunction(platform, ledger.function("long", trigger, "throw new Error('no luck');"));
      const kept = "a".repeat(400_000);
      const lost = "b".repeat(400_000);
      for (const data of [kept, lost]) await events.post("/v1/publish", { subject: "mq.bad.long", data });
      const letters = await waitFor(
        "two dead letters",
        async () => {
          const found = await events.lettersOf("long");
          return found.length === 2 && found;
        },
        eventually,
      );
      const shownAs = await Promise.all(letters.map(({ id }) => events.letter(id)));
      expect(shownAs.map(({ bytes }) => bytes)).toEqual([400_002, 400_002]);
      const whole = shownAs.find(({ data }) => data === kept)!.id;
      const gone = shownAs.find(({ data }) => data === lost)!.id;
      const folder = path.join(platform.dataDir, "blobs", "objects");
      for (const file of await readdir(folder, { recursive: true })) {
        const isLost = file.includes("letters") && file.endsWith(",");
        if (isLost && (await readFile(path.join(folder, file), "utf8")).includes(lost))
          await rm(path.join(folder, file));
      }
      await deployFunction(platform, ledger.function("long", trigger));
      const redriven = await platform.cli(["dead-letters", "redrive", "--function", "long"]);
      expect(redriven).toMatchObject({
        stdout: expect.stringContaining(`${whole} is now mq:`) as string,
        stderr: expect.stringContaining(
          `${gone}: dead letter ${gone} cannot be redriven: its payload is not in the blob store`,
        ) as string,
      });
      expect(redriven.code).not.toBe(0);
      const again = await waitFor(
        "the redriven event",
        () => ledger.seenBy("long").find(({ redriveOf }) => redriveOf === whole),
        eventually,
      );
      expect(again.data === kept).toBe(true);
      const shown = await platform.ok(["dead-letters", "show", gone]);
      expect(shown).toMatch(/Payload:\s+not in the blob store/);
      expect(shown).not.toContain("Redriven:");
      expect((await callFunction(platform, "neighbour")).status).toBe(200);
    });

    test("a malformed answer of a batch fails all of it, and nothing of it is lost", async () => {
      const trigger = `  - {type: mq, source: mq.bad.answers, batch_size: 2, max_batch_wait: 100ms, partial_response: true, ${RETRY}}\n`;
      const then = "return { results: [{ id: 'nobody' }] };";
      await deployFunction(platform, ledger.function("malformed", trigger, then));
      await publish("mq.bad.answers", 1);
      await publish("mq.bad.answers", 2);
      await waitFor("both", async () => (await events.lettersOf("malformed")).length === 2, eventually);
      expect((await callFunction(platform, "neighbour")).status).toBe(200);
    });
  });

  describe("what cannot be is refused with the reason", () => {
    test.each([
      ["a wildcard", "mq.orders.*", "wildcard"],
      ["the dead letters", "mq.dlq.mq.orders", "parks what failed"],
      ["a name in upper case", "mq.Orders", "lower case"],
    ])("publishing to %s", async (_, subject, why) => {
      const refused = await platform.cli(["publish", subject, "--data", "1"]);
      expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining(why)]);
    });

    test("a message over the limit", async () => {
      const long = { subject: "mq.kept.things", data: "x".repeat(1_100_000) };
      const answer = await postPublish(platform, long);
      expect([answer.status, await answer.text()]).toEqual([
        413,
        expect.stringContaining("payload_too_large"),
      ]);
      expect((await callFunction(platform, "neighbour")).status).toBe(200);
    });

    test("a batch of 1,001", async () => {
      const many = ledger.function("many", "  - {type: mq, source: mq.many.things, batch_size: 1001}\n");
      expectError(await uploadFunction(platform, many), 400, "invalid_manifest");
    });

    test("the consumer of another function, which goes on", async () => {
      const group = "  - {type: mq, source: mq.other.things, consumer_group: fn-embed-document}\n";
      const answer = await uploadFunction(platform, ledger.function("thief", group));
      expect(expectError(answer, 409, "conflict").msg).toContain("embed");
      expect(await events.triggersOf("thief")).toEqual([]);
      await publish("mq.batch.embeddings", "after the thief");
      await waitFor("it", () => dataSeenBy("embed").includes("after the thief"), eventually);
    });

    test("a subject that overlaps another function's, which goes on", async () => {
      const answer = await uploadFunction(platform, overlapping());
      expect(expectError(answer, 409, "conflict").msg).toContain("fn-embed-document");
      expect(await events.triggersOf("overlap")).toEqual([]);
      await publish("mq.batch.embeddings", "after the overlap");
      await waitFor("it", () => dataSeenBy("embed").includes("after the overlap"), eventually);
    });
  });

  test("a deleted function's consumer goes with it: its subject is another one's", async () => {
    await platform.ok(["delete", "embed"]);
    const isTaken = async (): Promise<boolean> =>
      (await uploadFunction(platform, overlapping())).status === 201;
    await waitFor("the deploy that was refused before", isTaken, eventually);
  });

  test("a platform that is killed with messages under way loses none, and repeats only those", async () => {
    const trigger = `  - {type: mq, source: mq.survive.it, max_concurrency: ${MAX_CONCURRENCY}}\n`;
    const source = ledger.function("survivor", trigger, "await new Promise((go) => setTimeout(go, 100));");
    const seen = (): unknown[] => dataSeenBy("survivor");
    const isBusy = (): boolean => seen().length > 5;
    const survived = await expectSurvival({ ...options(), source, subject: "mq.survive.it", seen, isBusy });
    const { published, calledBefore, doneBefore } = survived;
    // Those that ran, and those that had ended, of which the platform had not yet said so.
    const underWay = calledBefore - doneBefore;
    expect(seen().length).toBeLessThanOrEqual(published.length + underWay + MAX_CONCURRENCY);
  }, 120_000);
});

test("a stream that is not there is told of at the deploy, with the command that makes it; neighbours are served", async (ctx) => {
  if (absent !== undefined) ctx.skip(absent);
  await using nats = await startNats();
  await using ledger = await startLedger();
  await using platform = await startPlatform({ env: { NATS_URL: nats.url, NATS_STREAM: "NOBODY_MADE_IT" } });
  await deployFunction(platform, NEIGHBOUR);
  const answer = await uploadFunction(
    platform,
    ledger.function("lonely", "  - {type: mq, source: mq.a.b}\n"),
  );
  const { msg, next } = expectError(answer, 503, "unavailable");
  expect([msg, next]).toEqual([
    expect.stringContaining("NOBODY_MADE_IT"),
    expect.stringContaining("nats stream add NOBODY_MADE_IT"),
  ]);
  expect(await eventsApi(platform).triggersOf("lonely")).toEqual([]);
  expect((await callFunction(platform, "neighbour")).status).toBe(200);
});

test("a NATS server that does not answer refuses the deploy, and holds up no other", async (ctx) => {
  if (absent !== undefined) ctx.skip(absent);
  await using ledger = await startLedger();
  await using platform = await startPlatform({ env: { NATS_URL: "nats://127.0.0.1:9" } });
  const refused = uploadFunction(platform, ledger.function("lonely", "  - {type: mq, source: mq.a.b}\n"));
  await deployFunction(platform, NEIGHBOUR);
  expect((await callFunction(platform, "neighbour")).status).toBe(200);
  expectError(await refused, 503, "unavailable");
});
