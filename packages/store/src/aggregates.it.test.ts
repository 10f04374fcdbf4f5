import { ulid } from "@hanzo-fn/contract";
import { describe, expect, test } from "vitest";
import type { FunctionAggregate, Store } from "./index.ts";
import { aFunction, aRevision, LATER, NOW, testStore } from "./test-setup.ts";

const newId = (): string => `trg_${ulid()}`;

async function withRevisions(store: Store, fn: string, count: number): Promise<void> {
  await store.functions.insert(aFunction(fn), NOW);
  for (let number = 1; number <= count; number++) await store.revisions.insert(aRevision(fn, number), NOW);
}

describe("functions", () => {
  test("come back as they were stored, keys inside JSON untouched", async () => {
    await using t = await testStore();
    const stored = await t.store.functions.insert(
      aFunction("f", { description: "d", network: { egress: ["https://a"] } }),
      NOW,
    );
    expect(stored).toEqual({
      ...aFunction("f", { description: "d", network: { egress: ["https://a"] } }),
      generation: 1,
      nextRevision: 1,
      createdAt: NOW,
      updatedAt: NOW,
    });
    expect(await t.store.functions.get("acme", "f")).toEqual(stored);
    expect(await t.store.functions.get("other", "f")).toBeUndefined();
  });

  test("with a taken name are not inserted, the same name in another organisation is", async () => {
    await using t = await testStore();
    await t.store.functions.insert(aFunction("f"), NOW);
    expect(await t.store.functions.insert(aFunction("f", { description: "new" }), NOW)).toBeUndefined();
    expect(await t.store.functions.insert(aFunction("f", { org: "other" }), NOW)).toMatchObject({
      org: "other",
    });
    expect((await t.store.functions.get("acme", "f"))?.description).toBe("");
  });

  test("make their organisations known, as API keys do", async () => {
    await using t = await testStore();
    expect(await t.store.functions.organisations()).toEqual([]);
    await t.store.functions.insert(aFunction("f"), NOW);
    await t.store.functions.insert(aFunction("g"), NOW);
    await t.store.apiKeys.insert({ org: "acme-labs", id: "k", hash: "h", name: "n", permissions: [] }, NOW);
    expect(await t.store.functions.organisations()).toEqual(["acme", "acme-labs"]);
  });

  test("change in the fields given, and their generation rises", async () => {
    await using t = await testStore();
    await t.store.functions.insert(aFunction("f"), NOW);
    const changed = await t.store.functions.update(
      "acme",
      "f",
      { description: "new", trafficMode: "split" },
      LATER,
    );
    expect(changed).toMatchObject({
      description: "new",
      trafficMode: "split",
      generation: 2,
      updatedAt: LATER,
    });
    expect(changed?.manifest).toEqual(aFunction("f").manifest);
    expect(await t.store.functions.touch("acme", "f", LATER)).toBe(3);
    expect(await t.store.functions.touch("acme", "g", LATER)).toBeUndefined();
    expect(await t.store.functions.update("acme", "g", {}, LATER)).toBeUndefined();
  });

  test("hand out revision numbers one by one, also to many at once", async () => {
    await using t = await testStore();
    await t.store.functions.insert(aFunction("f"), NOW);
    const numbers = await Promise.all(
      Array.from({ length: 20 }, () => t.store.functions.allocateRevision("acme", "f")),
    );
    expect(numbers.toSorted((a, b) => a! - b!)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    expect(await t.store.functions.allocateRevision("acme", "g")).toBeUndefined();
  });

  test("are listed by page, runtime of the newest revision and trigger type, never another organisation's", async () => {
    await using t = await testStore();
    const { store } = t;
    for (const name of ["a", "b", "c", "d"]) await withRevisions(store, name, 1);
    await store.functions.insert(aFunction("foreign", { org: "other" }), NOW);
    await store.revisions.insert(aRevision("b", 2, { runtime: "node24" }), NOW);
    await store.triggers.replace("acme", "c", [{ type: "cron", key: "x", spec: {} }], newId, NOW);
    const names = async (filter: object) => {
      const { items, total } = await store.functions.list({ org: "acme", page: 1, pageSize: 3, ...filter });
      return { names: items.map((item) => item.name), total };
    };
    expect(await names({})).toEqual({ names: ["a", "b", "c"], total: 4 });
    expect(await names({ page: 2 })).toEqual({ names: ["d"], total: 4 });
    expect(await names({ page: 3 })).toEqual({ names: [], total: 4 });
    expect(await names({ runtime: "node24" })).toEqual({ names: ["b"], total: 1 });
    expect(await names({ runtime: "python3.12" })).toEqual({ names: ["a", "c", "d"], total: 3 });
    expect(await names({ trigger: "cron" })).toEqual({ names: ["c"], total: 1 });
    expect(await names({ trigger: "cron", runtime: "node24" })).toEqual({ names: [], total: 0 });
  });

  test("take their revisions, triggers and routes with them", async () => {
    await using t = await testStore();
    const { store } = t;
    await withRevisions(store, "f", 2);
    await store.withTransaction(async (tx) => {
      const [trigger] = await tx.triggers.replace(
        "acme",
        "f",
        [{ type: "http", key: "/a", spec: {} }],
        newId,
        NOW,
      );
      const route = { triggerId: trigger!.id, auth: "none", path: "/a", method: "GET" } as const;
      expect(await tx.httpRoutes.claim("acme", "f", [route])).toEqual({ claimed: true });
    });
    expect(await store.functions.delete("acme", "f")).toBe(true);
    expect(await store.functions.delete("acme", "f")).toBe(false);
    expect(await store.revisions.list("acme", "f")).toEqual([]);
    expect(await store.triggers.listOf("acme", "f")).toEqual([]);
    expect(await store.httpRoutes.listOf("acme", "f")).toEqual([]);
  });

  test("are loaded with all below them, one or all, across pages", async () => {
    await using t = await testStore();
    const { store } = t;
    await withRevisions(store, "f", 2);
    await store.triggers.replace(
      "acme",
      "f",
      [{ type: "http", key: "/a", spec: { path: "/a" } }],
      newId,
      NOW,
    );
    for (let i = 0; i < 205; i++) await store.functions.insert(aFunction(`g-${i}`, { org: "other" }), NOW);
    const one = await store.loadFunction("acme", "f");
    expect(one?.revisions.map((revision) => revision.number)).toEqual([2, 1]);
    expect(one?.triggers).toMatchObject([{ key: "/a", spec: { path: "/a" } }]);
    expect(await store.loadFunction("acme", "none")).toBeUndefined();
    const all: FunctionAggregate[] = [];
    for await (const aggregate of store.loadAll()) all.push(aggregate);
    expect(all).toHaveLength(206);
    expect(all[0]).toEqual(one);
    expect(new Set(all.map((item) => item.function.name)).size).toBe(206);
  });
});

describe("revisions", () => {
  test("are found by the secrets that they name, within their organisation", async () => {
    await using t = await testStore();
    for (const fn of ["f", "g"]) await t.store.functions.insert(aFunction(fn), NOW);
    await t.store.revisions.insert({ ...aRevision("f", 1), secrets: { KEY: "api-key", DB: "db" } }, NOW);
    await t.store.revisions.insert({ ...aRevision("f", 2), secrets: { KEY: "api-key" } }, NOW);
    await t.store.revisions.insert({ ...aRevision("g", 1), secrets: { "api-key": "db" } }, NOW);
    expect(await t.store.revisions.functionsNaming("acme", "api-key")).toEqual(["f"]);
    expect(await t.store.revisions.functionsNaming("acme", "db")).toEqual(["f", "g"]);
    expect(await t.store.revisions.functionsNaming("other", "db")).toEqual([]);
  });

  test("come back as they were stored, with the state of a new one", async () => {
    await using t = await testStore();
    await t.store.functions.insert(aFunction("f"), NOW);
    const gpu = { resource: "nvidia.com/gpu", count: 1 };
    const values = aRevision("f", 1, { resources: { ...aRevision("f", 1).resources, gpu } });
    const stored = await t.store.revisions.insert(values, NOW);
    expect(stored).toEqual({
      ...values,
      imageDigest: null,
      layerKey: null,
      state: "pending",
      failure: null,
      phasesMs: {},
      warnings: [],
      percent: 0,
      lastTrafficAt: null,
      proven: false,
      createdAt: NOW,
      readyAt: null,
    });
    expect(await t.store.revisions.get("acme", "f", 1)).toEqual(stored);
  });

  test("are observed field by field: phases add up, a failure can be cleared", async () => {
    await using t = await testStore();
    const { revisions } = t.store;
    await withRevisions(t.store, "f", 1);
    const failure = { code: "load_failed", message: "no module", logTail: ["a", "b"] } as const;
    await revisions.observe("acme", "f", 1, { state: "failed", failure, phasesMs: { build: 31 } });
    expect(await revisions.get("acme", "f", 1)).toMatchObject({
      state: "failed",
      failure,
      phasesMs: { build: 31 },
    });
    await revisions.observe("acme", "f", 1, {
      state: "ready",
      failure: null,
      phasesMs: { start: 17 },
      warnings: ["w"],
      layerKey: "k",
      proven: true,
      readyAt: LATER,
    });
    expect(await revisions.get("acme", "f", 1)).toMatchObject({
      state: "ready",
      failure: null,
      phasesMs: { build: 31, start: 17 },
      warnings: ["w"],
      layerKey: "k",
      proven: true,
      readyAt: LATER,
      identity: "identity-1",
    });
    expect(await revisions.observe("acme", "f", 9, { state: "ready" })).toBe(false);
    expect(await revisions.observe("acme", "f", 1, {})).toBe(true);
  });

  test("are listed newest first, and the newest ready one is found", async () => {
    await using t = await testStore();
    const { revisions } = t.store;
    await withRevisions(t.store, "f", 3);
    await revisions.observe("acme", "f", 2, { state: "ready" });
    expect((await revisions.list("acme", "f")).map((row) => row.number)).toEqual([3, 2, 1]);
    expect((await revisions.newest("acme", "f"))?.number).toBe(3);
    expect((await revisions.newestReady("acme", "f"))?.number).toBe(2);
    expect(await revisions.newestReady("acme", "g")).toBeUndefined();
    expect(await revisions.delete("acme", "f", 1)).toBe(true);
    expect(await revisions.delete("acme", "f", 1)).toBe(false);
  });

  test("take a whole split: who is not named gets nothing, who had traffic remembers when", async () => {
    await using t = await testStore();
    const { revisions } = t.store;
    await withRevisions(t.store, "f", 3);
    await t.store.functions.insert(aFunction("g"), NOW);
    await revisions.insert(aRevision("g", 1), NOW);
    await revisions.setTraffic("acme", "g", new Map([[1, 100]]), NOW);
    await revisions.setTraffic("acme", "f", new Map([[1, 100]]), NOW);
    await revisions.setTraffic(
      "acme",
      "f",
      new Map([
        [2, 90],
        [3, 10],
      ]),
      LATER,
    );
    const split = (await revisions.list("acme", "f")).map((row) => [
      row.number,
      row.percent,
      row.lastTrafficAt,
    ]);
    expect(split).toEqual([
      [3, 10, LATER],
      [2, 90, LATER],
      [1, 0, LATER],
    ]);
    await revisions.setTraffic("acme", "f", new Map(), LATER);
    expect((await revisions.list("acme", "f")).map((row) => row.percent)).toEqual([0, 0, 0]);
    expect((await revisions.get("acme", "g", 1))?.percent).toBe(100);
  });
});

const wanted = (type: string, key: string, spec = {}) => ({ type, key, spec });

describe("triggers", () => {
  test("keep id, state and history across deploys, whatever their order", async () => {
    await using t = await testStore();
    const { triggers, functions } = t.store;
    await functions.insert(aFunction("f"), NOW);
    const [a, b] = await triggers.replace("acme", "f", [wanted("http", "/a"), wanted("mq", "s")], newId, NOW);
    await triggers.observe("acme", b!.id, { state: "blocked", reason: "no broker", lastFiredAt: NOW }, NOW);
    const next = await triggers.replace(
      "acme",
      "f",
      [wanted("mq", "s", { batch: 2 }), wanted("http", "/new"), wanted("http", "/a")],
      newId,
      LATER,
    );
    expect(next.map((row) => row.id)).toEqual([b!.id, next[1]!.id, a!.id]);
    expect(next[0]).toMatchObject({
      state: "blocked",
      reason: "no broker",
      lastFiredAt: NOW,
      spec: { batch: 2 },
      createdAt: NOW,
      updatedAt: LATER,
    });
  });

  test("that are wanted no more are deleted: http at once, others when nothing of them is left, or come back", async () => {
    await using t = await testStore();
    const { triggers, functions } = t.store;
    await functions.insert(aFunction("f"), NOW);
    const both = [wanted("http", "/a"), wanted("mq", "s")];
    const [a, b] = await triggers.replace("acme", "f", both, newId, NOW);
    await triggers.replace("acme", "f", [], newId, LATER);
    expect(await triggers.get("acme", a!.id)).toBeUndefined();
    expect(await triggers.deleting(9)).toMatchObject([{ id: b!.id, state: "deleting", reason: null }]);
    expect(await triggers.setPaused("acme", b!.id, true, LATER)).toBeUndefined();
    const [again] = await triggers.replace("acme", "f", [wanted("mq", "s")], newId, LATER);
    expect(again).toMatchObject({ id: b!.id, state: "active" });
    expect(await triggers.remove(b!.id)).toBe(false);
    await functions.delete("acme", "f");
    expect(await triggers.listOf("acme", "f")).toMatchObject([{ id: b!.id, state: "deleting" }]);
    expect(await triggers.remove(b!.id)).toBe(true);
    expect(await triggers.listOf("acme", "f")).toEqual([]);
  });

  test("are paused and resumed, and what is seen of their deliveries does not undo that", async () => {
    await using t = await testStore();
    const { triggers, functions } = t.store;
    await functions.insert(aFunction("f"), NOW);
    const [row] = await triggers.replace("acme", "f", [wanted("mq", "s")], newId, NOW);
    const id = row!.id;
    await triggers.note([
      { id, blocked: "no broker", lastError: "boom", lastFiredAt: LATER },
      { id: "trg_gone", blocked: "gone" },
    ]);
    const seen = { state: "blocked", reason: "no broker", lastError: "boom", lastFiredAt: LATER };
    expect(await triggers.get("acme", id)).toMatchObject(seen);
    // Another replica saw an older one.
    await triggers.note([{ id, lastFiredAt: NOW, lastError: null }]);
    expect(await triggers.get("acme", id)).toMatchObject({ ...seen, lastError: null });
    const paused = { state: "paused", reason: null };
    expect(await triggers.setPaused("acme", id, true, LATER)).toMatchObject(paused);
    await triggers.note([{ id, blocked: "no broker" }]);
    expect(await triggers.get("acme", id)).toMatchObject(paused);
    expect(await triggers.setPaused("other", id, false, LATER)).toBeUndefined();
    expect(await triggers.setPaused("acme", id, false, LATER)).toMatchObject({ state: "active" });
    await triggers.note([{ id, blocked: "no broker" }]);
    await triggers.note([{ id, blocked: null }]);
    expect(await triggers.get("acme", id)).toMatchObject({ state: "active", reason: null });
  });

  test("are found by id in their own organisation only, and listed by function and type", async () => {
    await using t = await testStore();
    const { triggers, functions } = t.store;
    for (const name of ["f", "g"]) {
      await functions.insert(aFunction(name), NOW);
      await triggers.replace("acme", name, [wanted("http", `/${name}`), wanted("cron", name)], newId, NOW);
    }
    const { items, total } = await triggers.list({ org: "acme", page: 1, pageSize: 3 });
    expect([items.length, total]).toEqual([3, 4]);
    expect((await triggers.list({ org: "acme", type: "cron", page: 1, pageSize: 9 })).total).toBe(2);
    expect(
      (await triggers.list({ org: "acme", type: "cron", function: "g", page: 1, pageSize: 9 })).total,
    ).toBe(1);
    expect((await triggers.list({ org: "other", page: 1, pageSize: 9 })).total).toBe(0);
    expect(await triggers.get("acme", items[0]!.id)).toEqual(items[0]);
    expect(await triggers.get("other", items[0]!.id)).toBeUndefined();
    expect(await triggers.observe("other", items[0]!.id, { state: "paused" }, NOW)).toBe(false);
  });
});

describe("API keys", () => {
  const key = { org: "acme", id: "key_1", hash: "h1", name: "ci", permissions: ["functions:read"] };

  test("are found by hash until they are revoked", async () => {
    await using t = await testStore();
    const { apiKeys } = t.store;
    expect(await apiKeys.insert(key, NOW)).toEqual({
      ...key,
      createdAt: NOW,
      lastUsedAt: null,
      revokedAt: null,
    });
    expect(await apiKeys.insert({ ...key, id: "key_2" }, NOW)).toBeUndefined();
    await apiKeys.markUsed("acme", "key_1", LATER);
    expect(await apiKeys.findByHash("h1")).toMatchObject({ ...key, lastUsedAt: LATER });
    expect(await apiKeys.findByHash("h2")).toBeUndefined();
    expect(await apiKeys.revoke("other", "key_1", LATER)).toBe(false);
    expect(await apiKeys.revoke("acme", "key_1", LATER)).toBe(true);
    expect(await apiKeys.revoke("acme", "key_1", LATER)).toBe(false);
    expect(await apiKeys.findByHash("h1")).toBeUndefined();
    expect(await apiKeys.list("acme")).toMatchObject([{ id: "key_1", revokedAt: LATER }]);
  });
});

describe("settings", () => {
  test("are set, replaced and removed per organisation", async () => {
    await using t = await testStore();
    const { settings } = t.store;
    await settings.set("", "issuer", { kty: "EC", x_y: 1 }, NOW);
    await settings.set("acme", "issuer", { kty: "RSA" }, NOW);
    await settings.set("", "issuer", { kty: "OKP", x_y: 2 }, NOW);
    expect(await settings.get("", "issuer")).toEqual({ kty: "OKP", x_y: 2 });
    expect(await settings.get("acme", "issuer")).toEqual({ kty: "RSA" });
    expect(await settings.delete("", "issuer")).toBe(true);
    expect(await settings.delete("", "issuer")).toBe(false);
    expect(await settings.get("", "issuer")).toBeUndefined();
  });

  test("that several set first are the same for all of them", async () => {
    await using t = await testStore();
    const results = await Promise.all(
      Array.from({ length: 10 }, (_, n) => t.store.settings.setIfAbsent("", "issuer", { n }, NOW)),
    );
    expect(new Set(results.map((result) => result["n"])).size).toBe(1);
  });
});

test("blobs that rows refer to are named once each", async () => {
  await using t = await testStore();
  await withRevisions(t.store, "f", 2);
  await t.store.revisions.insert(aRevision("f", 3, { sourceDigest: "digest-1" }), NOW);
  for (const number of [1, 3]) await t.store.revisions.observe("acme", "f", number, { layerKey: "layer" });
  await t.store.deadLetters.keep({
    ...{ id: "dl_1", org: "acme", function: "f", triggerId: "trg_1", eventId: "e", source: "mq.a.b" },
    ...{ payloadRef: "acme/letters/x", json: true, headers: {}, reason: "attempts", attempts: 1 },
    ...{ firstFailedAt: NOW, lastFailedAt: NOW, error: "boom" },
  });
  const blobs = await t.store.referencedBlobs();
  expect(blobs).toHaveLength(4);
  expect(blobs).toEqual(
    expect.arrayContaining([
      { org: "acme", kind: "source", ref: "digest-1" },
      { org: "acme", kind: "layer", ref: "layer" },
      { org: "acme", kind: "source", ref: "digest-2" },
      { org: "acme", kind: "letter", ref: "acme/letters/x" },
    ]),
  );
});
