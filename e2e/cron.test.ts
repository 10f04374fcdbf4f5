/** Schedules from the manifest to the function: fires, retries, dead letters, redrives, pause, redeploys, deletion. */
import { tempDir, waitFor } from "@hanzo-fn/testkit";
import type {
  DeadLetterJson,
  RedriveJson,
  TriggerDetailJson,
  TriggerJson,
  TriggerRunJson,
} from "@hanzo-fn/contract/api";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { callFunction, expectError, upload, uploadFunction } from "./support/deploys.ts";
import { deployFunction, manifestText, NEIGHBOUR } from "./support/functions.ts";
import { eventsApi, type EventsApi, eventually } from "./support/events.ts";
import { FAILURES, parkedAgain, parkedBy, RETRY } from "./support/failing.ts";
import { type Ledger, type Seen, startLedger } from "./support/ledger.ts";
import { startPlatform, type TestPlatform } from "./support/platform.ts";

let platform: TestPlatform;
let ledgers: Ledger;
let events: EventsApi;
beforeAll(async () => {
  ledgers = await startLedger();
  platform = await startPlatform();
  events = eventsApi(platform);
  await deployFunction(platform, NEIGHBOUR);
  // Its calls show how time passes.
  await deployFunction(platform, ledger("pace", `  - {type: cron, schedule: "@every 1s"}\n`));
});
afterAll(async () => {
  await platform?.[Symbol.asyncDispose]();
  await ledgers?.[Symbol.asyncDispose]();
});

const seenBy = (name: string): Seen[] => ledgers.seenBy(name);
const ledger: Ledger["function"] = (...args) => ledgers.function(...args);

test("the standard's cron block deploys as it is printed, and says when it fires next", async () => {
  const block = `  - type: cron
    schedule: "0 */6 * * *"  # Every 6 hours (standard cron syntax)
    timezone: UTC
    payload: '{"type": "full_reconcile"}'
`;
  await deployFunction(platform, ledger("reconcile", block));
  const [trigger] = await events.triggersOf("reconcile");
  expect(trigger).toMatchObject({ type: "cron", source: "0 */6 * * *", state: "active" });
  const next = new Date(trigger?.next_fire_at ?? 0);
  expect(next.getTime()).toBeGreaterThan(Date.now());
  expect([next.getUTCHours() % 6, next.getUTCMinutes(), next.getUTCSeconds()]).toEqual([0, 0, 0]);
  const shown = await events.get<TriggerDetailJson>(`/v1/triggers/${trigger?.id}`);
  expect(shown).toMatchObject({ state: "active", lag: { items: 0, seconds: 0 } });
  expect(await platform.ok(["triggers", "get", trigger?.id ?? ""])).toContain("0 waiting");
});

test("a schedule calls its function once each time, with its payload as data", async () => {
  await deployFunction(
    platform,
    ledger("every", `  - {type: cron, schedule: "@every 1s", payload: '{"mode": "tick"}'}\n`),
  );
  const seen = await waitFor(
    "four calls",
    async () => {
      const calls = seenBy("every");
      return calls.length >= 4 && calls;
    },
    eventually,
  );
  const { id } = await events.triggerOf("every");
  for (const call of seen) {
    expect(call).toMatchObject({
      data: { mode: "tick" },
      trigger: { type: "cron", source: "@every 1s", id, attempt: 1 },
      key: `cron:${id}:${call.trigger.timestamp}`,
      redriveOf: null,
    });
    expect(new Date(call.trigger.timestamp).getTime() % 1000).toBe(0);
  }
  const times = seen.map(({ trigger }) => trigger.timestamp);
  expect(new Set(times).size).toBe(times.length);
  const runs = await waitFor("the record of the last one", async () => {
    const found = await events.runsOf(id);
    return (
      found.some(({ scheduled_at, state }) => scheduled_at === times.at(-1) && state === "succeeded") && found
    );
  });
  // No second is missing in the record, whatever became of it.
  const recorded = runs.map(({ scheduled_at }) => Date.parse(scheduled_at)).sort((a, b) => a - b);
  expect(recorded.every((at, i) => i === 0 || at === (recorded[i - 1] as number) + 1000)).toBe(true);
  expect(await platform.ok(["triggers", "runs", id])).toContain("succeeded");
  expect((await platform.ok(["triggers", "list", "--function", "every", "-o", "name"])).trim()).toBe(id);
  const row = await waitFor("what was seen", async () => {
    const trigger = await events.triggerOf("every");
    return trigger.last_fired_at !== undefined && trigger;
  });
  expect(row.last_error).toBeUndefined();
  const metrics = await (await fetch(`${platform.metrics}/metrics`)).text();
  expect(metrics).toContain(
    `hanzo_fn_trigger_attempts_total{function="every",org="local",trigger="cron",id="${id}",outcome="succeeded"}`,
  );
  expect(metrics).toMatch(/hanzo_fn_cron_lateness_seconds_count [1-9]/);
  await waitFor(
    "its lag",
    async () =>
      (await (await fetch(`${platform.metrics}/metrics`)).text()).includes(
        `hanzo_fn_trigger_lag_up{function="every"`,
      ),
    eventually,
  );
});

describe("a function that fails", () => {
  test.each(FAILURES)(
    "%s: is retried, then its event is parked; the neighbour answers",
    async (name, then, manifest) => {
      const schedule = `  - {type: cron, schedule: "@every 1s", payload: '{"n": 1}', ${RETRY}}\n`;
      await deployFunction(platform, ledger(name, schedule, then, manifest));
      const letter = await parkedBy(platform, name);
      const { id } = await events.triggerOf(name);
      await events.post(`/v1/triggers/${id}/pause`);
      expect(letter).toMatchObject({ trigger: id, reason: "attempts", attempts: 2, source: "@every 1s" });
      const detail = await events.letter(letter.id);
      expect(detail.data).toEqual({ n: 1 });
      expect(await platform.ok(["dead-letters", "list", "--function", name])).toContain(letter.id);
      expect(await platform.ok(["dead-letters", "show", letter.id])).toContain('{"n":1}');
      const calls = seenBy(name).filter(({ key }) => key === letter.event);
      expect(calls.map(({ trigger }) => trigger.attempt)).toEqual([1, 2]);
      expect(await events.runsOf(id)).toContainEqual(
        expect.objectContaining({ id: letter.event, state: "failed", attempts: 2 }),
      );
      await waitFor("its last error", async () => (await events.triggerOf(name)).last_error !== undefined);
      expect((await callFunction(platform, "neighbour")).status).toBe(200);
    },
  );

  test("on_4xx: park gives a 400 up at once", async () => {
    const schedule = `  - {type: cron, schedule: "@every 1s", retry: {attempts: 5, on_4xx: park}}\n`;
    await deployFunction(
      platform,
      ledger("rejects", schedule, "return new Response('no', { status: 400 });"),
    );
    const letter = await parkedBy(platform, "rejects");
    await events.post(`/v1/triggers/${letter.trigger}/pause`);
    expect(letter).toMatchObject({ reason: "rejected", attempts: 1, status: 400 });
  });

  test("a redrive into the same failure parks again, as a new event that names the letter it came from", async () => {
    const name = "fails-500";
    const before = await events.lettersOf(name);
    const letter = before[0] as DeadLetterJson;
    const dry = await events.post<RedriveJson>("/v1/dead-letters/redrive", {
      ids: [letter.id],
      dry_run: true,
    });
    expect(dry).toMatchObject({ matched: 1, ids: [letter.id], redriven: [] });
    // Paused as it is, the run waits.
    const out = await platform.ok(["dead-letters", "redrive", letter.id]);
    expect(out).toContain(`${letter.id} is now cron:${letter.trigger}:`);
    await events.post(`/v1/triggers/${letter.trigger}/resume`);
    const again = await parkedAgain(platform, name, letter.id);
    await events.post(`/v1/triggers/${letter.trigger}/pause`);
    expect(again.event).not.toBe(letter.event);
    expect(again).toMatchObject({ attempts: 2, reason: "attempts" });
    const calls = seenBy(name).filter(({ redriveOf }) => redriveOf === letter.id);
    expect(calls.map(({ key }) => key)).toEqual([again.event, again.event]);
    const shown = await events.letter(letter.id);
    expect(shown).toMatchObject({ redriven_as: again.event });
    // Once is enough: what was redriven is not chosen again.
    const second = await events.post<RedriveJson>("/v1/dead-letters/redrive", { ids: [letter.id] });
    expect(second).toMatchObject({ matched: 0, redriven: [], failed: [] });
  });

  test("dead letters are purged by filter, and only they", async () => {
    const others = (await events.lettersOf("fails-400")).length;
    expect(await platform.ok(["dead-letters", "purge", "--function", "fails-500", "--dry-run"])).toContain(
      "would",
    );
    expect((await events.lettersOf("fails-500")).length).toBeGreaterThan(0);
    await platform.ok(["dead-letters", "purge", "--function", "fails-500"]);
    expect(await events.lettersOf("fails-500")).toEqual([]);
    expect((await events.lettersOf("fails-400")).length).toBe(others);
    const none = await platform.cli(["dead-letters", "purge"]);
    expect([none.code, none.stderr]).toEqual([2, expect.stringContaining("say which")]);
  });
});

test("a paused trigger starts nothing; resumed, it fires from then on and makes up for nothing", async () => {
  await deployFunction(platform, ledger("pauses", `  - {type: cron, schedule: "@every 1s", catchup: all}\n`));
  await waitFor("a call", () => seenBy("pauses").length > 0, eventually);
  const { id } = await events.triggerOf("pauses");
  expect(await platform.ok(["triggers", "pause", id])).toContain("paused");
  expect((await events.triggerOf("pauses")).next_fire_at).toBeUndefined();
  // What was recorded just before, and has not begun, waits.
  const running = async (): Promise<boolean> =>
    (await events.runsOf(id)).some(({ state }) => state === "running");
  await waitFor("what runs to end", async () => !(await running()), eventually);
  const before = await events.runsOf(id);
  const ticks = seenBy("pace").length;
  await waitFor("three seconds of another schedule", () => seenBy("pace").length > ticks + 3, eventually);
  expect(await events.runsOf(id)).toEqual(before);
  const resumedAt = Date.now();
  expect(await platform.ok(["triggers", "resume", id])).toContain("active");
  const after = await waitFor(
    "a run",
    async () => {
      const runs = await events.runsOf(id);
      return runs.length > before.length && runs;
    },
    eventually,
  );
  const added = after.slice(0, after.length - before.length);
  for (const { scheduled_at: at } of added) expect(Date.parse(at)).toBeGreaterThan(resumedAt - 1000);
});

test("a redeploy with reordered triggers keeps their ids and what they have fired; one that is left out goes", async () => {
  const daily = `  - {type: cron, schedule: "@daily"}\n`;
  const every = `  - {type: cron, schedule: "@every 1s", payload: '1'}\n`;
  const idOf = (rows: readonly TriggerJson[], source: string): string | undefined =>
    rows.find((row) => row.source === source)?.id;
  await deployFunction(platform, ledger("moves", daily + every));
  await waitFor("a call", () => seenBy("moves").length > 0, eventually);
  const before = await events.triggersOf("moves");
  await deployFunction(platform, ledger("moves", every + daily));
  const after = await events.triggersOf("moves");
  for (const source of ["@daily", "@every 1s"]) expect(idOf(after, source)).toBe(idOf(before, source));
  const id = idOf(after, "@every 1s") as string;
  const runs = await events.runsOf(id);
  const times = runs.map(({ scheduled_at }) => scheduled_at);
  expect(new Set(times).size).toBe(times.length);
  await deployFunction(platform, ledger("moves", daily));
  await waitFor("it to go", async () => (await events.triggersOf("moves")).length === 1, eventually);
  expect((await platform.fetchApi(`/v1/triggers/${id}`)).status).toBe(404);
});

test("a deleted function fires no more, and its triggers go", async () => {
  await deployFunction(platform, ledger("leaves", `  - {type: cron, schedule: "@every 1s"}\n`));
  await waitFor("a call", () => seenBy("leaves").length > 0, eventually);
  await platform.ok(["delete", "leaves"]);
  await waitFor(
    "its triggers to go",
    async () => (await events.triggersOf("leaves")).length === 0,
    eventually,
  );
  const calls = seenBy("leaves").length;
  const ticks = seenBy("pace").length;
  await waitFor("three seconds of another schedule", () => seenBy("pace").length > ticks + 3, eventually);
  expect(seenBy("leaves").length).toBe(calls);
});

describe("what cannot be is refused with the reason", () => {
  test.each([
    ["an invalid schedule", `schedule: "61 * * * *"`, "schedule"],
    ["a schedule that never fires", `schedule: "0 0 30 2 *"`, "never fires"],
    ["an unknown zone", `schedule: "@daily", timezone: Mars/Olympus`, "IANA time zone"],
    ["a payload that is no JSON", `schedule: "@daily", payload: "{mode"`, "must hold JSON"],
  ])("%s", async (_, fields, words) => {
    const source = { ...NEIGHBOUR, name: "refused", triggers: `triggers:\n  - {type: cron, ${fields}}\n` };
    const answer = await uploadFunction(platform, source);
    expect(JSON.stringify(expectError(answer, 400, "invalid_manifest").details)).toContain(words);
  });

  test("a trigger or dead letter that does not exist", async () => {
    for (const path of ["/v1/triggers/trg_0", "/v1/triggers/trg_0/runs", "/v1/dead-letters/dl_0"]) {
      expect((await platform.fetchApi(path)).status).toBe(404);
    }
  });

  test("pausing or asking for the runs of an http trigger", async () => {
    const { id } = await events.triggerOf("neighbour");
    const pause = await platform.fetchApi(`/v1/triggers/${id}/pause`, { method: "POST" });
    expect([pause.status, ((await pause.json()) as { error: string }).error]).toEqual([422, "unsupported"]);
    expect((await platform.fetchApi(`/v1/triggers/${id}/runs`)).status).toBe(422);
  });
});

test("an upload with a cron trigger answers before its function is ready, and its first runs wait for that", async () => {
  const source = ledger("early", `  - {type: cron, schedule: "@every 1s", retry: {attempts: 1}}\n`);
  const answer = await upload(platform, manifestText(source), { "handler.ts": source.code });
  expect(answer.status).toBe(201);
  const calls = await waitFor(
    "a call",
    async () => {
      const seen = seenBy("early");
      return seen.length > 0 && seen;
    },
    eventually,
  );
  expect(calls[0]?.trigger.attempt).toBe(1);
  expect(await events.lettersOf("early")).toEqual([]);
});

test("a platform that is killed with runs under way goes on where it was: no time is missing, none is lost", async () => {
  await using data = await tempDir("hfn-data-");
  const name = "survivor";
  const every = `  - {type: cron, schedule: "@every 1s", overlap: allow}\n`;
  const source = ledger(name, every, "await new Promise((resolve) => setTimeout(resolve, 300));");
  const first = await startPlatform({ dataDir: data.path });
  await deployFunction(first, source);
  await waitFor("three calls", () => seenBy(name).length >= 3, eventually);
  await first.kill();
  await using second = await startPlatform({ dataDir: data.path });
  const before = seenBy(name).length;
  await waitFor("three more", () => seenBy(name).length >= before + 3, eventually);
  const read = async <T>(path: string): Promise<T> => (await (await second.fetchApi(path)).json()) as T;
  const [trigger] = (await read<{ triggers: TriggerJson[] }>("/v1/triggers")).triggers;
  const ended = await waitFor(
    "what ran when it was killed",
    async () => {
      const { runs } = await read<{ runs: TriggerRunJson[] }>(`/v1/triggers/${trigger?.id}/runs?limit=100`);
      const old = runs.slice(3);
      return old.every(({ state }) => state !== "running" && state !== "queued") && runs;
    },
    { timeoutMs: 50_000, everyMs: 200 },
  );
  const times = ended.map(({ scheduled_at }) => Date.parse(scheduled_at)).reverse();
  expect(times.every((at, i) => i === 0 || at === (times[i - 1] as number) + 1000)).toBe(true);
  const ran = new Set(seenBy(name).map(({ key }) => key));
  const succeeded = ended.filter(({ state }) => state === "succeeded").map(({ id }) => id);
  expect(succeeded.filter((id) => !ran.has(id))).toEqual([]);
  expect(ended.filter(({ state }) => state === "failed" || state === "skipped")).toEqual([]);
}, 120_000);

test("a platform that stops lets a run end that is under way, and nobody runs it again", async () => {
  await using data = await tempDir("hfn-data-");
  const every = `  - {type: cron, schedule: "@every 1s"}\n`;
  const source = ledger("lasting", every, "await new Promise((resolve) => setTimeout(resolve, 2000));");
  const first = await startPlatform({ dataDir: data.path });
  await deployFunction(first, source);
  await waitFor("a run", () => seenBy("lasting").length > 0, eventually);
  await first.stop();
  const stopped = seenBy("lasting").map(({ key }) => key);
  await using second = await startPlatform({ dataDir: data.path });
  const read = async <T>(path: string): Promise<T> => (await (await second.fetchApi(path)).json()) as T;
  const [trigger] = (await read<{ triggers: TriggerJson[] }>("/v1/triggers")).triggers;
  const { runs } = await read<{ runs: TriggerRunJson[] }>(`/v1/triggers/${trigger?.id}/runs?limit=100`);
  const begun = runs.filter(({ id }) => stopped.includes(id));
  expect(begun.length).toBeGreaterThan(0);
  expect(begun.map(({ state, attempts }) => [state, attempts])).toEqual(begun.map(() => ["succeeded", 1]));
  await waitFor("another run", () => seenBy("lasting").length > stopped.length, eventually);
  const keys = seenBy("lasting").map(({ key }) => key);
  expect(new Set(keys).size).toBe(keys.length);
});
