/** What every kind of trigger does with functions that fail, and with a platform that is killed. */
import type { DeadLetterJson, RedriveJson } from "@hanzo-fn/contract/api";
import { tempDir, waitFor } from "@hanzo-fn/testkit";
import { expect } from "vitest";
import { callFunction } from "./deploys.ts";
import { eventsApi, eventually, postPublish } from "./events.ts";
import { deployFunction, type FunctionSource, NEIGHBOUR } from "./functions.ts";
import { startPlatform, type TestPlatform } from "./platform.ts";

/** For a trigger: two attempts, soon after each other. */
export const RETRY = "retry: {attempts: 2, backoff: {initial: 10ms, max: 20ms}}";

/** Each gives up after the attempts of `RETRY`; `then` and `manifest` are of a ledger's function. */
export const FAILURES: readonly (readonly [name: string, then: string, manifest: string])[] = [
  ["fails-500", "throw new Error('no luck');", ""],
  ["fails-400", "return new Response('no', { status: 400 });", ""],
  ["hangs", "await new Promise(() => {});", "resources: {timeout: 4s}\n"],
  ["kills", "process.kill(process.pid, 'SIGKILL');", ""],
  ["answers-20-mb", "return new Response('x'.repeat(20_000_000), { status: 500 });", ""],
];

/** The first dead letter of a function; until there is one, the deployed neighbour has to answer. */
export function parkedBy(platform: TestPlatform, name: string): Promise<DeadLetterJson> {
  return waitFor(
    `a dead letter of ${name}`,
    async () => {
      expect((await callFunction(platform, NEIGHBOUR.name)).status).toBe(200);
      return (await eventsApi(platform).lettersOf(name)).at(-1);
    },
    eventually,
  );
}

/** The dead letter that a redrive of this one ended as. */
export function parkedAgain(platform: TestPlatform, name: string, id: string): Promise<DeadLetterJson> {
  return waitFor(
    `the dead letter of ${id}, redriven`,
    async () => (await eventsApi(platform).lettersOf(name)).find((one) => one.redrive_of === id),
    eventually,
  );
}

/** Redrives the one dead letter of a function that fails as before: it is parked as a new event that names the letter. */
export async function expectParkedAgain(platform: TestPlatform, name: string): Promise<void> {
  const events = eventsApi(platform);
  const [letter] = (await events.lettersOf(name)) as [DeadLetterJson];
  const done = await events.post<RedriveJson>("/v1/dead-letters/redrive", { ids: [letter.id] });
  expect(done).toMatchObject({ matched: 1, failed: [] });
  const again = await parkedAgain(platform, name, letter.id);
  expect(again.event).not.toBe(letter.event);
  expect(again).toMatchObject({ attempts: 2, reason: "attempts" });
  expect((await callFunction(platform, NEIGHBOUR.name)).status).toBe(200);
}

const EVENTS = 30;

interface Survivor {
  readonly source: FunctionSource;
  /** Where it is triggered from. */
  readonly subject: string;
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Data of the events it was called with, once for each time. */
  readonly seen: () => readonly unknown[];
  /** Whether some of the events were called for, and others are under way. */
  readonly isBusy: () => boolean;
}

export interface Survived {
  /** The events that were published, each of them once. */
  readonly published: readonly number[];
  /** The calls before the kill, and how many of their events the platform knew to be done. */
  readonly calledBefore: number;
  readonly doneBefore: number;
}

/**
 * Kills a platform that has events under way, and waits until one that is started on its data has called for every one.
 */
export async function expectSurvival(survivor: Survivor): Promise<Survived> {
  const { source, subject, env = {}, seen, isBusy } = survivor;
  await using data = await tempDir("hfn-data-");
  const first = await startPlatform({ env, dataDir: data.path });
  await deployFunction(first, source);
  const numbers = Array.from({ length: EVENTS }, (_, n) => n);
  const answers = await Promise.all(numbers.map((n) => postPublish(first, { subject, data: n })));
  expect(answers.every(({ status }) => status === 200)).toBe(true);
  await waitFor("some of them", isBusy, eventually);
  const doneBefore = await waitFor(
    "some of them to be done",
    async () => {
      const { lag } = await eventsApi(first).detailOf(source.name);
      return lag !== undefined && lag.items < EVENTS && EVENTS - lag.items;
    },
    { ...eventually, everyMs: 10 },
  );
  await first.kill();
  const calledBefore = seen().length;
  await using second = await startPlatform({ env, dataDir: data.path });
  await waitFor("all of them", () => new Set(seen()).size === EVENTS, { timeoutMs: 60_000, everyMs: 100 });
  await second.stop();
  return { published: numbers, calledBefore, doneBefore };
}
