import { createFakeClock, settle } from "@hanzo-fn/testkit";
import { silentLogger } from "@hanzo-fn/telemetry";
import { describe, expect, test } from "vitest";
import type { Answer, Settlement, SourceEvent } from "../delivery/index.ts";
import { createFakeMembers } from "./fake-member.ts";
import { createStreamSource, type StreamSourceSettings } from "./source.ts";

const signal = new AbortController().signal;
const OK: Answer = {
  status: 200,
  headers: [],
  notDelivered: undefined,
  body: Buffer.alloc(0),
  truncated: false,
};
const failure = { status: 500, error: "no" };
const ack = (event: SourceEvent): Settlement => ({ kind: "ack", event, answer: OK });
const offsetOf = ({ id }: SourceEvent): string => id.split(":").slice(2).join("@");

interface Options {
  readonly settings?: Partial<StreamSourceSettings>;
  readonly saved?: readonly { topic: string; partition: number; nextOffset: number }[];
  readonly loadFails?: () => boolean;
  readonly joining?: Promise<void>;
}

/** One trigger over members of the test's, and a clock that it moves. */
async function open({ settings, saved = [], loadFails = () => false, joining }: Options = {}) {
  const clock = createFakeClock();
  const members = createFakeMembers();
  members.joining = joining ?? members.joining;
  const rows = new Map<string, number>();
  const kept: (readonly [number, number])[] = [];
  const revoked: string[] = [];
  const atRisk: { out: number; uncommitted: number }[] = [];
  const lost: number[] = [];
  const timing = { sessionTimeoutMs: 30_000, rebalanceTimeoutMs: 60_000, heartbeatMs: 3000 };
  const source = createStreamSource(
    {
      broker: { connect: members.connect, prefix: "kafka", timing },
      attempts: {
        async startingWith(_, prefix) {
          if (loadFails()) throw new Error("no database");
          const those = [...rows].filter(([id]) => id.startsWith(prefix));
          return new Map(those.map(([id, attempts]) => [id, { attempts, failingForMs: 5000 }]));
        },
        async add(_, failed) {
          for (const { eventId, counts } of failed)
            rows.set(eventId, (rows.get(eventId) ?? 0) + Number(counts));
        },
        async forget(_, ids) {
          for (const id of ids) rows.delete(id);
        },
      },
      offsets: {
        of: () => Promise.resolve([...saved]),
        async save(_, offsets) {
          for (const { partition, nextOffset } of offsets) kept.push([partition, nextOffset]);
        },
      },
      clock,
      log: silentLogger,
      observer: {
        lost: (_, records) => void lost.push(records),
        revoked: (_, out, uncommitted) => void atRisk.push({ out, uncommitted }),
      },
    },
    { triggerId: "trg", group: "g", topic: "t", batchSize: 10, org: undefined, ...settings },
  );
  source.onRevoked(({ events }) => revoked.push(...events.map(offsetOf)));
  await source.start(signal);
  await settle();
  const pull = async (events = 100): Promise<readonly SourceEvent[]> =>
    source.pull({ events, bytes: 1e9, room: () => events }, signal);
  /** Whether a pull would wait. */
  const isDry = async (): Promise<boolean> => {
    const stop = new AbortController();
    const pulling = source.pull({ events: 1, bytes: 1e9, room: () => 1 }, stop.signal).then(
      () => false,
      () => true,
    );
    await settle();
    stop.abort(new Error("enough"));
    return pulling;
  };
  return { clock, members, source, pull, isDry, rows, kept, revoked, atRisk, lost };
}

describe("commits of a stream", () => {
  test("come a second after something was done, and at once where it is much", async () => {
    const { clock, members, source, pull } = await open({ settings: { batchSize: 600 } });
    members.last.assign({ 0: {} });
    await settle();
    members.last.deliver(0, 600);
    const events = await pull(600);
    await source.settle([ack(events[1]!)], signal);
    await clock.advance(5000);
    expect(members.last.commits).toEqual([]);
    await source.settle([ack(events[0]!)], signal);
    await clock.advance(999);
    expect(members.last.commits).toEqual([]);
    await clock.advance(1);
    expect(members.last.commits).toEqual([new Map([[0, 2]])]);
    await source.settle(events.slice(2, 502).map(ack), signal);
    await settle();
    expect(members.last.commits[1]).toEqual(new Map([[0, 502]]));
  });

  test("are made of what was done before the member knew that it had joined", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { clock, members, source, pull } = await open({ joining: promise });
    members.last.assign({ 0: {} });
    await settle();
    members.last.deliver(0, 1);
    await source.settle((await pull()).map(ack), signal);
    resolve();
    await settle();
    await clock.advance(1000);
    expect(members.last.commits).toEqual([new Map([[0, 1]])]);
  });

  test("that fail are tried again a second later, with what is done by then", async () => {
    const { clock, members, source, pull } = await open();
    let tries = 0;
    members.fails = (what) => what === "commit" && ++tries <= 2;
    members.last.assign({ 0: { position: 7 } });
    await settle();
    members.last.deliver(0, 3);
    const events = await pull();
    await source.settle([ack(events[0]!)], signal);
    await clock.advance(1500);
    await source.settle([ack(events[1]!)], signal);
    await clock.advance(400);
    expect(tries).toBe(1);
    await clock.advance(1000);
    expect(tries).toBe(2);
    await clock.advance(1100);
    expect(members.last.commits).toEqual([new Map([[0, 9]])]);
  });

  test("are kept in the store as well, every half a minute and at the end", async () => {
    const { clock, members, source, pull, kept } = await open();
    members.last.assign({ 0: {}, 1: { position: 4 } });
    await settle();
    members.last.deliver(0, 2);
    await source.settle((await pull()).map(ack), signal);
    for (let i = 0; i < 12; i++) {
      await clock.advance(3000);
      members.last.events.alive("heartbeat");
      members.last.events.alive("fetch");
    }
    members.last.deliver(0, 1);
    await source.settle((await pull()).map(ack), signal);
    await settle();
    const stopping = source.stop(0);
    await clock.advance(1000);
    await stopping;
    expect(kept.at(-1)).toEqual([0, 3]);
    expect(members.last.closed).toBe(true);
  });
});

describe("a rebalance", () => {
  test("waits for what is out of the partitions that may go, commits it, and then nothing until it is over", async () => {
    const { clock, members, source, pull, revoked } = await open();
    const { last } = members;
    last.assign({ 0: {}, 1: {} });
    await settle();
    last.deliver(0, 2);
    last.deliver(1, 1);
    const events = await pull();
    let ready = false;
    const revoking = last.events.revoking(new Set([0])).then(() => (ready = true));
    await settle();
    expect(ready).toBe(false);
    await source.settle(events.filter(({ partition }) => partition === "1").map(ack), signal);
    await clock.advance(0);
    expect(ready).toBe(true);
    await revoking;
    expect(last.commits).toEqual([new Map([[1, 1]])]);
    await source.settle(events.filter(({ partition }) => partition === "0").map(ack), signal);
    await clock.advance(3000);
    expect(last.commits).toHaveLength(1);
    last.assign({ 0: { kept: true } });
    await clock.advance(1100);
    expect(last.commits[1]).toEqual(new Map([[0, 2]]));
    expect(revoked).toEqual([]);
  });

  test("takes away what it did not wait for; a later success of that is nobody's", async () => {
    const { clock, members, source, pull, revoked } = await open();
    const { last } = members;
    last.assign({ 0: {}, 1: {} });
    await settle();
    last.deliver(0, 1);
    last.deliver(1, 1);
    const events = await pull();
    const revoking = last.events.revoking(new Set());
    await clock.advance(1000);
    await revoking;
    last.assign({ 0: { kept: true } });
    expect(revoked).toEqual(["1@0"]);
    await source.settle(events.map(ack), signal);
    await clock.advance(1100);
    expect(last.commits).toEqual([new Map([[0, 1]])]);
    last.assign({ 0: { kept: true }, 1: { position: 0 } });
    await settle();
    last.deliver(1, 1);
    expect((await pull()).map(offsetOf)).toEqual(["1@0"]);
  });

  test("tells what may run again of a partition that goes: what is out, and what is done above it or since the last commit", async () => {
    const { members, source, pull, atRisk } = await open();
    const { last } = members;
    last.assign({ 0: {}, 1: {} });
    await settle();
    last.deliver(0, 5);
    last.deliver(1, 3);
    const events = await pull();
    const isHeld = (event: SourceEvent): boolean => ["0@1", "1@2"].includes(offsetOf(event));
    await source.settle(events.filter((event) => !isHeld(event)).map(ack), signal);
    last.assign({ 1: { kept: true } });
    last.assign({});
    expect(atRisk).toEqual([
      { out: 1, uncommitted: 4 },
      { out: 1, uncommitted: 2 },
    ]);
  });

  test("hands out nothing of what may go", async () => {
    const { members, isDry } = await open();
    members.last.assign({ 0: {} });
    await settle();
    members.last.deliver(0, 5);
    void members.last.events.revoking(new Set());
    expect(await isDry()).toBe(true);
    members.last.assign({ 0: { kept: true } });
    expect(await isDry()).toBe(false);
  });
});

describe("a member", () => {
  test("that is lost is made anew after a while, and what was out is taken away", async () => {
    const { clock, members, pull, revoked, source } = await open();
    members.last.assign({ 0: {} });
    await settle();
    members.last.deliver(0, 2);
    await pull();
    members.last.events.lost(new Error("evicted"));
    await settle();
    expect(revoked).toEqual(["0@0", "0@1"]);
    expect(source.blocked).toBe("evicted");
    expect(members.all[0]?.closed).toBe(true);
    await clock.advance(200);
    expect(members.all).toHaveLength(2);
    members.last.assign({ 0: {} });
    expect(source.blocked).toBeUndefined();
    members.all[0]!.events.assigned(new Map());
    expect(source.partitions).toBe(1);
  });

  test("whose coordinator is silent for a session, or whose log is, is made anew", async () => {
    const { clock, members, source } = await open();
    members.last.assign({ 0: {} });
    for (let i = 0; i < 20; i++) {
      await clock.advance(3000);
      members.last.events.alive("heartbeat");
      members.last.events.alive("fetch");
    }
    expect(members.all).toHaveLength(1);
    for (let i = 0; i < 6; i++) {
      await clock.advance(3000);
      members.last.events.alive("heartbeat");
    }
    expect(source.blocked).toContain("the log has not answered");
    await clock.advance(200);
    expect(members.all).toHaveLength(2);
    await clock.advance(34_000);
    expect(source.blocked).toContain("coordinator has not answered");
  });

  test("that cannot join is tried again, with longer and longer waits", async () => {
    const { clock, members, source } = await open();
    let tries = 0;
    members.fails = (what) => what === "connect" && ++tries > 0;
    members.last.events.lost(new Error("gone"));
    await clock.advance(3000);
    expect(source.blocked).toBe("no broker");
    const early = tries;
    expect(early).toBeGreaterThanOrEqual(3);
    await clock.advance(60_000);
    expect(tries).toBeLessThan(early + 8);
  });
});

describe("what is handed out", () => {
  test("waits until earlier failures are known, and begins with the attempt after them", async () => {
    let isAway = true;
    const { clock, members, pull, isDry, rows, source } = await open({ loadFails: () => isAway });
    rows.set("kafka:t:0:1", 2);
    members.last.assign({ 0: {} });
    await settle();
    members.last.deliver(0, 2);
    expect(await isDry()).toBe(true);
    isAway = false;
    await clock.advance(1000);
    const events = await pull();
    expect(events.map(({ attempt }) => attempt)).toEqual([1, 3]);
    expect(events[1]?.ageMs).toBeGreaterThanOrEqual(5000);
    await source.settle([{ kind: "hold", event: events[0]!, delayMs: 1, counted: true, failure }], signal);
    expect(rows.get("kafka:t:0:0")).toBe(1);
    await source.settle(events.map(ack), signal);
    expect(rows.size).toBe(0);
  });

  test("comes back in its place where it is returned", async () => {
    const { members, pull, source } = await open();
    members.last.assign({ 0: {} });
    await settle();
    members.last.deliver(0, 4);
    const events = await pull(3);
    const back = [events[2]!, events[0]!].map((event): Settlement => {
      return { kind: "retry", event, delayMs: 0, counted: false, failure: undefined };
    });
    await source.settle(back, signal);
    expect((await pull()).map(offsetOf)).toEqual(["0@0", "0@2", "0@3"]);
  });

  test("ends 10,000 records or five minutes after the oldest one that is not done", async () => {
    const { clock, members, pull, isDry, source } = await open({ settings: { batchSize: 10_000 } });
    members.last.assign({ 0: {}, 1: {} });
    await settle();
    members.last.deliver(0, 10_005);
    const events = await pull(20_000);
    expect(events).toHaveLength(10_000);
    await source.settle(events.slice(1).map(ack), signal);
    expect(await isDry()).toBe(true);
    await source.settle([ack(events[0]!)], signal);
    expect(await isDry()).toBe(false);
    members.last.deliver(1, 2);
    const [old] = (await pull(20_000)).filter(({ partition }) => partition === "1");
    expect(old).toBeDefined();
    members.last.deliver(1, 1);
    for (let i = 0; i < 100; i++) {
      await clock.advance(3000);
      members.last.events.alive("heartbeat");
      members.last.events.alive("fetch");
    }
    expect(await isDry()).toBe(true);
  });

  test("is nothing that was asked for by somebody else, and nothing twice", async () => {
    const { members, pull, isDry, lost } = await open();
    const { last } = members;
    last.assign({ 0: { position: 5 } });
    await settle();
    const record = (offset: number) => ({
      ...{ key: undefined, headers: {}, timestampMs: 0 },
      offset,
      value: Buffer.from("1"),
    });
    last.events.fetched(0, { asked: 9, from: 9, records: [record(9)], end: 10 });
    expect(await isDry()).toBe(true);
    last.events.fetched(0, { asked: 3, from: 3, records: [3, 4, 5, 6].map(record), end: 7 });
    expect((await pull()).map(offsetOf)).toEqual(["0@5", "0@6"]);
    last.events.fetched(0, { asked: 7, from: 20, records: [record(20)], end: 21 });
    expect(lost).toEqual([13]);
    expect((await pull()).map(offsetOf)).toEqual(["0@20"]);
  });

  test("begins where the trigger was where the group does not know, unless the log is another one by now", async () => {
    const saved = [0, 1].map((partition) => ({ topic: "t", partition, nextOffset: 40 }));
    const { members } = await open({ saved });
    members.last.assign({
      0: { position: 3, isNew: true },
      1: { position: 3, isNew: true, end: 20 },
      2: { position: 3, isNew: true },
      3: { position: 50 },
    });
    expect([0, 1, 2, 3].map((partition) => members.last.events.wanted(partition))).toEqual([40, 3, 3, 50]);
  });
});
