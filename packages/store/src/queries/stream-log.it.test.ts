import { describe, expect, test } from "vitest";
import type { Store } from "../index.ts";
import { testStore } from "../test-setup.ts";

const TOPIC = { name: "t", partitions: 2, retentionMs: 3_600_000, retentionBytes: 1_000_000 };
const text = (value: string, slot = 0) => {
  return { slot, key: null, value: Buffer.from(value), headers: null };
};
const limits = { records: 100, bytes: 1_000_000 };

async function values(store: Store, partition: number, offset = 0, more = limits): Promise<string[]> {
  const records = await store.streamLog.read("t", [{ partition, offset }], more);
  return records.map((one) => `${one.offset}:${one.value?.toString()}`);
}

describe("a topic in the database", () => {
  test("keeps records in their order, with offsets without gaps, whoever appends at the same time", async () => {
    await using t = await testStore();
    const { streamLog } = t.store;
    expect(await streamLog.makeTopic(TOPIC)).toBe(true);
    expect(await streamLog.makeTopic(TOPIC)).toBe(false);
    const batches = Array.from({ length: 20 }, (_, i) =>
      streamLog.append(
        "t",
        [1, 0, 1].map((slot, j) => text(`${i}.${j}`, slot)),
      ),
    );
    const places = (await Promise.all(batches)).flat();
    expect(places.map((place) => place!.partition)).toEqual(places.map((_, i) => [1, 0, 1][i % 3]));
    expect(new Set(places.map((place) => `${place!.partition}@${place!.offset}`)).size).toBe(60);
    expect(await streamLog.bounds("t")).toEqual([
      { partition: 0, firstOffset: 0, nextOffset: 20 },
      { partition: 1, firstOffset: 0, nextOffset: 40 },
    ]);
    const kept = await values(t.store, 1);
    expect(kept.map((one) => Number(one.split(":")[0]))).toEqual(Array.from({ length: 40 }, (_, i) => i));
    const firsts = kept.map((one) => one.split(":")[1]!).filter((one) => one.endsWith(".0"));
    for (const one of firsts) {
      const [at, next] = [one, one.replace(".0", ".2")].map((name) =>
        kept.findIndex((x) => x.endsWith(`:${name}`)),
      );
      expect(next! - at!).toBe(1);
    }
  });

  test("keeps keys, headers, empty values and none at all", async () => {
    await using t = await testStore();
    const { streamLog } = t.store;
    await streamLog.makeTopic(TOPIC);
    await streamLog.append("t", [
      { slot: 0, key: Buffer.from([0, 255]), value: Buffer.alloc(0), headers: { "X-a": "\u0000b" } },
      { slot: 2, key: null, value: null, headers: null },
    ]);
    const [first, second] = await streamLog.read("t", [{ partition: 0, offset: 0 }], limits);
    expect(first).toMatchObject({ key: Buffer.from([0, 255]), value: Buffer.alloc(0) });
    expect(Object.keys(first!.headers!)).toEqual(["X-a"]);
    expect(first!.atMs).toBeGreaterThan(1_700_000_000_000);
    expect(second).toMatchObject({ offset: 1, key: null, value: null, headers: null });
  });

  test("is read from a place on, within limits of each partition", async () => {
    await using t = await testStore();
    const { streamLog } = t.store;
    await streamLog.makeTopic(TOPIC);
    await streamLog.append(
      "t",
      ["a", "bb", "cc", "d"].map((value) => text(value)),
    );
    expect(await values(t.store, 0, 2)).toEqual(["2:cc", "3:d"]);
    expect(await values(t.store, 0, 0, { records: 2, bytes: 1000 })).toEqual(["0:a", "1:bb"]);
    expect(await values(t.store, 0, 0, { records: 9, bytes: 3 })).toEqual(["0:a", "1:bb"]);
    expect(await values(t.store, 0, 1, { records: 9, bytes: 1 })).toEqual(["1:bb"]);
    expect(await values(t.store, 1)).toEqual([]);
    const ages = await streamLog.ages("t", [
      { partition: 0, offset: 3 },
      { partition: 1, offset: 0 },
    ]);
    expect([...ages.keys()]).toEqual([0]);
    expect(ages.get(0)).toBeGreaterThanOrEqual(0);
  });

  test("that is not there takes nothing and has nothing; one that is deleted loses all", async () => {
    await using t = await testStore();
    const { streamLog } = t.store;
    expect(await streamLog.append("t", [text("a")])).toBeUndefined();
    expect(await streamLog.bounds("t")).toEqual([]);
    await streamLog.makeTopic(TOPIC);
    await streamLog.append("t", [text("a")]);
    await t.store.streamGroups.ensure({ group: "g", topic: "t" }, [{ partition: 0, nextOffset: 1 }]);
    expect(await streamLog.deleteTopic("t")).toBe(true);
    expect(await streamLog.deleteTopic("t")).toBe(false);
    await streamLog.makeTopic(TOPIC);
    expect(await values(t.store, 0)).toEqual([]);
    expect(await t.store.streamGroups.positions({ group: "g", topic: "t" })).toEqual([]);
  });

  test("loses its oldest records where they are too old or too many, and says from where it goes on", async () => {
    await using t = await testStore();
    const { streamLog } = t.store;
    await streamLog.makeTopic({ ...TOPIC, retentionBytes: 5 });
    await streamLog.append(
      "t",
      ["aaa", "bbb", "ccc"].map((value) => text(value)),
    );
    expect(await streamLog.retain(100)).toBe(2);
    expect(await values(t.store, 0)).toEqual(["2:ccc"]);
    expect((await streamLog.bounds("t"))[0]).toMatchObject({ firstOffset: 2, nextOffset: 3 });
    expect(await streamLog.retain(100)).toBe(0);
    await t.database.run("update stream_records set at = at - interval '2 hours'");
    await streamLog.append("t", [text("d")]);
    expect(await streamLog.retain(100)).toBe(1);
    expect(await values(t.store, 0)).toEqual(["3:d"]);
    await t.database.run("update stream_records set at = at - interval '2 hours'");
    await streamLog.append(
      "t",
      ["e", "f"].map((value) => text(value)),
    );
    await t.database.run("update stream_records set at = at - interval '2 hours'");
    expect(await streamLog.retain(2)).toBe(2);
    expect(await streamLog.retain(2)).toBe(1);
    expect((await streamLog.bounds("t"))[0]).toMatchObject({ firstOffset: 6, nextOffset: 6 });
  });

  test("wakes those who wait for it, in every process, and nobody else", async () => {
    await using t = await testStore();
    const ended = new AbortController();
    const woken: string[] = [];
    const connected = Promise.withResolvers<void>();
    const again = Promise.withResolvers<void>();
    t.store.onStreamAppend("other", () => woken.push("other"), ended.signal);
    t.store.onStreamAppend(
      "t",
      () => (woken.push("t") === 2 ? connected.resolve() : again.resolve()),
      ended.signal,
    );
    await connected.promise;
    await t.store.streamLog.notify("t");
    await again.promise;
    expect(woken).toEqual(["other", "t", "t"]);
    ended.abort();
  });
});

describe("a group of the log in the database", () => {
  const group = { group: "g", topic: "t" };
  const [a, b] = ["a", "b"].map((member) => ({ ...group, member }));

  test("gives each partition to one member, with an epoch that rises", async () => {
    await using t = await testStore();
    const { streamLog, streamGroups } = t.store;
    await streamLog.makeTopic({ ...TOPIC, partitions: 3 });
    expect(await streamGroups.ensure(group, [{ partition: 0, nextOffset: 7 }])).toBe(true);
    expect(await streamGroups.ensure(group, [{ partition: 0, nextOffset: 9 }])).toBe(false);
    expect(await streamGroups.beat(a!, 60_000)).toEqual({ leases: [], members: ["a"], partitions: 3 });
    const first = await streamGroups.claim(a!, 2, 60_000);
    expect(first.map(({ partition, nextOffset, epoch }) => [partition, nextOffset, epoch]).sort()).toEqual([
      [0, 7, 1],
      [1, 0, 1],
    ]);
    const both = await Promise.all([streamGroups.claim(b!, 3, 60_000), streamGroups.claim(a!, 3, 60_000)]);
    expect(both.flat().map(({ partition }) => partition)).toEqual([2]);
    await streamGroups.release(a!, [1]);
    expect(await streamGroups.claim(b!, 1, 60_000)).toMatchObject([{ partition: 1, epoch: 2 }]);
    expect(await streamGroups.beat(b!, 60_000)).toMatchObject({ members: ["a", "b"] });
    await streamGroups.endMembers();
    const c = { ...group, member: "c" };
    expect(await streamGroups.beat(c, 60_000)).toMatchObject({ leases: [], members: ["c"] });
    expect(await streamGroups.claim(c, 3, 60_000)).toHaveLength(3);
  });

  test("takes no position from one who lost the partition, and none that goes back", async () => {
    await using t = await testStore();
    const { streamLog, streamGroups } = t.store;
    await streamLog.makeTopic(TOPIC);
    await streamGroups.beat(a!, 1);
    const [old] = await streamGroups.claim(a!, 1, 1);
    expect(await streamGroups.commit(a!, [{ ...old!, nextOffset: 3 }])).toEqual([0]);
    expect(await streamGroups.commit(a!, [{ ...old!, nextOffset: 2 }])).toEqual([0]);
    await streamGroups.beat(b!, 60_000);
    const taken = await streamGroups.claim(b!, 2, 60_000);
    expect(taken.find(({ partition }) => partition === 0)).toMatchObject({ nextOffset: 3, epoch: 2 });
    expect(await streamGroups.commit(a!, [{ ...old!, nextOffset: 50 }])).toEqual([]);
    expect(await streamGroups.beat(a!, 60_000)).toMatchObject({ leases: [] });
    expect((await streamGroups.positions(group))[0]).toEqual({ partition: 0, nextOffset: 3 });
  });

  test("is removed when nobody reads it any more", async () => {
    await using t = await testStore();
    const { streamLog, streamGroups } = t.store;
    await streamLog.makeTopic(TOPIC);
    await streamGroups.beat(a!, 60_000);
    await streamGroups.claim(a!, 2, 60_000);
    expect(await streamGroups.remove(group)).toBe(false);
    await streamGroups.leave(a!);
    expect(await streamGroups.claim(b!, 2, 60_000)).toHaveLength(2);
    await streamGroups.leave(b!);
    expect(await streamGroups.remove(group)).toBe(true);
    expect(await streamGroups.positions(group)).toEqual([]);
  });
});
