import { errorBodySchema, OPERATIONS, type Operation } from "@hanzo-fn/contract/api";
import type { NewDeadLetter } from "@hanzo-fn/store";
import { PlatformError } from "@hanzo-fn/contract";
import { describe, expect, test } from "vitest";
import { deploy, request, startApi, testControl, type TestControl, yaml } from "./test-setup.ts";

const AT = new Date("2026-01-02T03:04:05.000Z");
const CRON = `  - {type: cron, schedule: "@daily", payload: '{"a":1}'}\n`;

async function bench() {
  const t = await testControl();
  const server = await startApi(t);
  const answer = async (path: string, init: Parameters<typeof server.call>[1] = {}) => {
    const response = await server.call(path, init);
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  return {
    ...t,
    answer,
    post: (path: string, body?: unknown, headers: Record<string, string> = {}) =>
      answer(path, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      }),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await t[Symbol.asyncDispose]();
    },
  };
}

async function deployed(t: TestControl, triggers = CRON): Promise<string> {
  await deploy(t.control, await request(t, yaml("f", "/f") + triggers, "code"));
  const rows = await t.store.triggers.listOf("acme", "f");
  return rows.find(({ type }) => type === "cron")?.id ?? "";
}

const aLetter = (id: string, more: Partial<NewDeadLetter> = {}): NewDeadLetter => ({
  ...{ id, org: "acme", function: "f", triggerId: "trg_1", eventId: `cron:trg_1:${id}`, source: "@daily" },
  ...{ payload: Buffer.from('{"a":1}'), json: true, headers: {}, reason: "attempts", attempts: 3 },
  ...{ firstFailedAt: AT, lastFailedAt: AT, status: 500, error: "boom" },
  ...more,
});

describe("a deploy with a cron trigger", () => {
  test("writes its schedule with it, and leaves a schedule that is there as it is", async () => {
    await using t = await bench();
    const id = await deployed(t);
    const schedule = await t.store.cronSchedules.get(id);
    expect(schedule).toMatchObject({ enabled: true, specVersion: 1, tzVersion: "test" });
    expect(schedule?.nextFireAt.getTime()).toBeGreaterThan(Date.now());
    // It is due, and nobody has looked at it yet: a deploy does not take that from it.
    await t.store.cronSchedules.put({ ...schedule!, nextFireAt: AT });
    await deployed(t, CRON.replace("}\n", ", overlap: allow}\n"));
    expect((await t.store.cronSchedules.get(id))?.nextFireAt).toEqual(AT);
    expect((await t.store.triggers.get("acme", id))?.spec).toMatchObject({ overlap: "allow" });
    // A check writes nothing.
    await deployed(t, "");
    expect(await t.store.cronSchedules.get(id)).toBeUndefined();
    expect(await t.store.triggers.deleting(9)).toMatchObject([{ id }]);
  });
});

describe("a trigger", () => {
  test("is shown with its lag, paused and resumed, each as often as one likes", async () => {
    await using t = await bench();
    const id = await deployed(t);
    expect((await t.answer(`/v1/triggers/${id}`)).body).toMatchObject({
      id,
      state: "active",
      source: "@daily",
      lag: { items: 2, seconds: 1.5 },
    });
    for (let i = 0; i < 2; i++) {
      const paused = await t.post(`/v1/triggers/${id}/pause`);
      expect([paused.status, paused.body["state"], paused.body["next_fire_at"]]).toEqual([
        200,
        "paused",
        undefined,
      ]);
    }
    expect((await t.store.cronSchedules.get(id))?.enabled).toBe(false);
    await deployed(t);
    expect((await t.store.cronSchedules.get(id))?.enabled).toBe(false);
    const resumed = await t.post(`/v1/triggers/${id}/resume`);
    expect(resumed.body).toMatchObject({ state: "active", next_fire_at: expect.any(String) });
    const again = await t.post(`/v1/triggers/${id}/resume`);
    expect(again.body["next_fire_at"]).toBe(resumed.body["next_fire_at"]);
  });

  test("of type http is not paused and has no record; one that is being deleted is not paused either", async () => {
    await using t = await bench();
    const id = await deployed(t);
    const http = (await t.store.triggers.listOf("acme", "f")).find(({ type }) => type === "http")?.id ?? "";
    expect((await t.post(`/v1/triggers/${http}/pause`)).body).toMatchObject({ error: "unsupported" });
    expect((await t.answer(`/v1/triggers/${http}/runs`)).body).toMatchObject({ error: "unsupported" });
    await deployed(t, "");
    expect((await t.post(`/v1/triggers/${id}/pause`)).body).toMatchObject({ error: "conflict" });
  });

  test("has a record of what it fired, in pages", async () => {
    await using t = await bench();
    const id = await deployed(t);
    const owner = { triggerId: id, org: "acme", function: "f" };
    const times = [0, 1, 2].map((n) => new Date(AT.getTime() + n * 1000));
    const ended = { state: "skipped", error: { code: "overlap", message: "one ran" } } as const;
    await t.store.cronFires.record([
      { ...owner, scheduledAt: times[0]!, runAt: times[0]! },
      { ...owner, scheduledAt: times[1]!, runAt: times[1]!, ended },
      { ...owner, scheduledAt: times[2]!, runAt: times[2]!, redriveOf: "dl_1" },
    ]);
    const { body } = await t.answer(`/v1/triggers/${id}/runs?limit=2`);
    expect(body).toMatchObject({
      runs: [
        { id: `cron:${id}:${times[2]!.toISOString()}`, state: "queued", redrive_of: "dl_1" },
        { state: "skipped", error: { code: "overlap" } },
      ],
      next: times[1]!.toISOString(),
    });
    const rest = await t.answer(`/v1/triggers/${id}/runs?limit=2&before=${String(body["next"])}`);
    expect(rest.body["runs"]).toHaveLength(1);
    expect(rest.body["next"]).toBeUndefined();
  });
});

describe("dead letters", () => {
  test("are listed by filter and in pages, and shown with what they hold", async () => {
    await using t = await bench();
    await t.store.deadLetters.keep(aLetter("dl_1"));
    await t.store.deadLetters.keep(
      aLetter("dl_2", { reason: "rejected", payload: Buffer.from("hé"), json: false }),
    );
    await t.store.deadLetters.keep(
      aLetter("dl_3", {
        function: "g",
        payload: Buffer.from([255]),
        json: false,
        headers: { "redrive-of": "dl_0" },
      }),
    );
    const ids = async (query: string): Promise<unknown[]> => {
      const { body } = await t.answer(`/v1/dead-letters?${query}`);
      return [...(body["dead_letters"] as { id: string }[]).map(({ id }) => id), body["next"]];
    };
    expect(await ids("")).toEqual(["dl_3", "dl_2", "dl_1", undefined]);
    expect(await ids("limit=1")).toEqual(["dl_3", "dl_3"]);
    expect(await ids("limit=2&after=dl_3")).toEqual(["dl_2", "dl_1", undefined]);
    expect(await ids("function=f&reason=rejected")).toEqual(["dl_2", undefined]);
    const show = async (id: string) => (await t.answer(`/v1/dead-letters/${id}`)).body;
    expect(await show("dl_1")).toMatchObject({ data: { a: 1 }, bytes: 7, error: "boom", status: 500 });
    expect(await show("dl_2")).toMatchObject({ body: "hé" });
    await t.blobs.putIfAbsent("acme/letters/long", Buffer.from('{"b":2}'));
    await t.store.deadLetters.keep(aLetter("dl_4", { payload: undefined, payloadRef: "acme/letters/long" }));
    expect(await show("dl_4")).toMatchObject({ data: { b: 2 }, bytes: 7 });
    await t.blobs.delete("acme/letters/long");
    const { bytes, data, ...rest } = await show("dl_4");
    expect([bytes, data, rest]).toEqual([
      undefined,
      undefined,
      expect.objectContaining({ id: "dl_4", error: "boom", payload_missing: true }),
    ]);
    expect(await show("dl_3")).toMatchObject({ body: "/w==", encoding: "base64", redrive_of: "dl_0" });
  });

  test("are redriven by id or filter, oldest first; what cannot be says why and stops nothing", async () => {
    await using t = await bench();
    const redriven: string[] = [];
    Object.assign(t.control.triggers, {
      redrive({ id }: { id: string }) {
        if (id === "dl_2")
          return Promise.reject(new PlatformError("conflict", "its trigger is gone", { next: "look at it" }));
        redriven.push(id);
        return Promise.resolve(`again:${id}`);
      },
    });
    for (const id of ["dl_1", "dl_2", "dl_3"]) await t.store.deadLetters.keep(aLetter(id));
    const dry = await t.post("/v1/dead-letters/redrive", { function: "f", dry_run: true });
    expect(dry.body).toMatchObject({ matched: 3, ids: ["dl_1", "dl_2", "dl_3"], redriven: [] });
    expect(redriven).toEqual([]);
    const { body } = await t.post("/v1/dead-letters/redrive", { function: "f" });
    expect(body).toMatchObject({
      matched: 3,
      redriven: [
        { id: "dl_1", event: "again:dl_1" },
        { id: "dl_3", event: "again:dl_3" },
      ],
      failed: [{ id: "dl_2", error: "conflict", msg: "its trigger is gone", next: "look at it" }],
      more: false,
    });
    expect((await t.post("/v1/dead-letters/redrive", { ids: ["dl_9"] })).body).toMatchObject({ matched: 0 });
    expect((await t.post("/v1/dead-letters/redrive", { dry_run: true })).body).toMatchObject({
      error: "bad_request",
    });
  });

  test("are purged by filter, and only their organisation's", async () => {
    await using t = await bench();
    await t.store.deadLetters.keep(aLetter("dl_1"));
    await t.store.deadLetters.keep(aLetter("dl_2", { reason: "rejected" }));
    await t.store.deadLetters.keep(aLetter("dl_3", { org: "other" }));
    const purge = async (choice: object) => (await t.post("/v1/dead-letters/purge", choice)).body;
    expect(await purge({ all: true, dry_run: true })).toEqual({ matched: 2, purged: 0 });
    expect(await purge({ reason: "rejected" })).toEqual({ matched: 1, purged: 1 });
    expect(await purge({ ids: ["dl_3"] })).toEqual({ matched: 0, purged: 0 });
    expect(await purge({ all: true })).toEqual({ matched: 1, purged: 1 });
    expect(await t.store.deadLetters.count({ org: "other" })).toBe(1);
  });
});

test("another organisation's triggers and dead letters are not found, and writing needs the right to deploy", async () => {
  await using t = await bench();
  const id = await deployed(t);
  await t.store.deadLetters.keep(aLetter("dl_1"));
  const own = (OPERATIONS as readonly Operation[]).filter(
    ({ path }) => path.startsWith("/v1/triggers/{") || path.startsWith("/v1/dead-letters"),
  );
  expect(own).toHaveLength(8);
  for (const { id: name, method, path, permission } of own) {
    const at = path.replace("/dead-letters/{id}", "/dead-letters/dl_1").replace("{id}", id);
    const init = (authorization: string) => ({
      method,
      headers: { authorization, "content-type": "application/json" },
      ...(path.endsWith("DeadLetters") || method === "POST"
        ? { body: JSON.stringify({ ids: ["dl_1"] }) }
        : {}),
    });
    const foreign = await t.answer(at, init("Bearer other"));
    if (path.includes("{")) {
      expect([name, errorBodySchema.parse(foreign.body).code]).toEqual([name, 404]);
    } else {
      expect([name, JSON.stringify(foreign.body).includes('"dl_1"')]).toEqual([name, false]);
    }
    const reader = await t.answer(at, init("Bearer acme/functions:read"));
    expect([name, reader.status]).toEqual([name, permission === "functions:read" ? 200 : 403]);
  }
  expect(await t.store.deadLetters.count({ org: "acme" })).toBe(1);
});
