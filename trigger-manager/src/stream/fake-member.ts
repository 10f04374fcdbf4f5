import type { Assigned, ConnectMember, MemberEvents } from "./member.ts";
import type { StreamRecord } from "./record.ts";

/** A member whose broker is the test. */
export interface FakeMember {
  readonly events: MemberEvents;
  readonly commits: ReadonlyMap<number, number>[];
  closed: boolean;
  assign(partitions: Readonly<Record<number, Partial<Assigned>>>): void;
  /** As many records as told, from the position that is wanted. */
  deliver(partition: number, count: number): void;
}

export interface FakeMembers {
  readonly connect: ConnectMember;
  /** One after the other, each made because the one before it ended. */
  readonly all: readonly FakeMember[];
  readonly last: FakeMember;
  /** Whether the next connection, or the next commit, fails. */
  fails: (what: "connect" | "commit") => boolean;
  /** What a connection waits for once it may be assigned partitions. */
  joining: Promise<void>;
}

export function recordAt(offset: number): StreamRecord {
  return { offset, key: undefined, value: Buffer.from("1"), headers: {}, timestampMs: 0 };
}

/** Members in memory, whose faults are the test's to order. */
export function createFakeMembers(): FakeMembers {
  const all: FakeMember[] = [];
  const fakes: FakeMembers = {
    all,
    get last() {
      const last = all.at(-1);
      if (last === undefined) throw new Error("nobody has joined yet");
      return last;
    },
    fails: () => false,
    joining: Promise.resolve(),
    connect: async (_, events) => {
      if (fakes.fails("connect")) throw new Error("no broker");
      const commits: ReadonlyMap<number, number>[] = [];
      const fake: FakeMember = {
        events,
        commits,
        closed: false,
        assign(partitions) {
          const all = Object.entries(partitions).map(([partition, one]): [number, Assigned] => {
            return [Number(partition), { position: 0, isNew: false, kept: false, ...one }];
          });
          events.assigned(new Map(all));
        },
        deliver(partition, count) {
          const asked = events.wanted(partition);
          if (asked === undefined) throw new Error(`partition ${partition} is not wanted`);
          const records = Array.from({ length: count }, (_, i) => recordAt(asked + i));
          events.fetched(partition, { asked, from: asked, records, end: asked + count });
        },
      };
      all.push(fake);
      await fakes.joining;
      return {
        wake() {},
        async commit(positions) {
          if (fakes.fails("commit")) throw new Error("no coordinator");
          commits.push(positions);
        },
        async close() {
          fake.closed = true;
        },
      };
    },
  };
  return fakes;
}
