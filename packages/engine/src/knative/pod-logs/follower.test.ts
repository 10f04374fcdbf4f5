import type { FunctionLogEntry } from "@hanzo-fn/contract";
import type { PodLogsQuery } from "@hanzo-fn/kubernetes";
import { createFakeClock, settle } from "@hanzo-fn/testkit";
import { describe, expect, it } from "vitest";
import { followPod } from "./follower.ts";
import type { ContainerLog } from "./subject.ts";

const SUBJECT = {
  namespace: "fns",
  pod: "p",
  uid: "u",
  org: "acme",
  function: "f",
  revision: "f-00001",
  instance: "fn-p",
};
const stamp = (ms: number): string => `${new Date(ms).toISOString().replace("Z", "")}000000Z`;
const plain = (ms: number, text: string): string => `${stamp(ms)} ${text}\n`;
const json = (ms: number, msg: string): string =>
  plain(ms + 5, JSON.stringify({ ts: new Date(ms).toISOString(), level: "warn", msg, stream: "log" }));

type Opening = (query: PodLogsQuery) => (string | Error)[];

/** A server whose log is opened again and again; what one opening gives is said in advance. */
function world(openings: Opening[], lastLineMs?: number) {
  const clock = createFakeClock();
  const entries: FunctionLogEntry[] = [];
  const queries: PodLogsQuery[] = [];
  const failures: unknown[] = [];
  const container: { now: ContainerLog | undefined } = { now: { begun: true, ended: false, restarts: 0 } };
  const stop = new AbortController();
  const kubernetes = {
    async *podLogs(query: PodLogsQuery) {
      queries.push(query);
      const opening = openings.shift();
      if (opening === undefined) container.now = undefined;
      for (const piece of opening?.(query) ?? []) {
        await settle();
        if (piece instanceof Error) throw piece;
        yield Buffer.from(piece);
      }
    },
  };
  const done = followPod(
    {
      kubernetes,
      clock,
      sink: { append: (entry) => void entries.push(entry) },
      lastLineMs: () => Promise.resolve(lastLineMs),
      onFailure: (_, error) => void failures.push(error),
    },
    SUBJECT,
    () => container.now,
    stop.signal,
  );
  const run = async (): Promise<string[]> => {
    for (let step = 0; step < 40; step++) {
      await settle();
      await clock.advance(10_000);
    }
    await done;
    return entries.map(({ msg }) => msg);
  };
  return { clock, entries, queries, failures, container, stop, done, run };
}

describe("the log of a pod", () => {
  it("reaches the sink as lines of its instance, plain ones and the runtime's", async () => {
    const { run, entries, queries } = world([() => [plain(1000, "hello"), json(2000, "careful")]]);
    await run();
    const who = { org: "acme", function: "f", revision: "f-00001", instance: "fn-p" };
    expect(entries).toEqual([
      { ...who, tsMs: 1000, level: "info", msg: "hello", stream: "stdout" },
      { ...who, tsMs: 2000, level: "warn", msg: "careful", stream: "log" },
    ]);
    expect(queries[0]).toMatchObject({ namespace: "fns", pod: "p", container: "function", follow: true });
  });

  it("goes on after a break with the line that was cut, and no line twice", async () => {
    const broken = new Error("the connection broke");
    const { run, queries } = world([
      () => [plain(1000, "one"), plain(1500, "two").slice(0, 35), broken],
      () => [plain(1000, "one"), plain(1500, "two"), plain(2500, "three"), broken],
      () => [plain(2500, "three")],
    ]);
    expect(await run()).toEqual(["one", "two", "three"]);
    expect(queries.slice(0, 3).map(({ sinceTime }) => sinceTime?.getTime())).toEqual([undefined, 1000, 2000]);
  });

  it("reads the end of the container before, where it was started again while nobody listened", async () => {
    const test = world([
      () => {
        test.container.now = { begun: true, ended: false, restarts: 1 };
        return [plain(1000, "one"), new Error("the connection broke")];
      },
      () => [plain(1000, "one"), plain(1100, "its last words")],
      () => [plain(3000, "again")],
    ]);
    expect(await test.run()).toEqual(["one", "its last words", "again"]);
    expect(test.queries.map(({ previous, follow }) => [previous, follow]).slice(0, 3)).toEqual([
      [undefined, true],
      [true, undefined],
      [undefined, true],
    ]);
  });

  it("goes on after the last line that an earlier platform kept", async () => {
    const { run, queries } = world(
      [() => [json(1000, "kept"), json(1400, "kept too"), json(1401, "new")]],
      1400,
    );
    expect(await run()).toEqual(["new"]);
    expect(queries[0]?.sinceTime).toEqual(new Date(1400));
  });

  it("is told of once where it cannot be read for a while, and read then", async () => {
    const away = (): Error[] => [new Error("away")];
    const { run, failures } = world([away, away, away, away, away, () => [plain(1000, "late")]]);
    expect(await run()).toEqual(["late"]);
    expect(failures).toHaveLength(1);
  });

  it("ends with the pod", async () => {
    const { run, container, queries } = world([]);
    container.now = undefined;
    expect(await run()).toEqual([]);
    expect(queries).toEqual([]);
  });

  it("ends when it is to", async () => {
    const { stop, done, clock } = world([() => [], () => []]);
    await settle();
    stop.abort(new Error("stop"));
    await clock.advance(1000);
    await done;
  });

  it("leaves out what is beyond an instance's limits, and says how much", async () => {
    const flood = Array.from({ length: 6000 }, (_, line) => plain(1000 + line, `line ${line}`)).join("");
    const { run, entries } = world([() => [flood]]);
    await run();
    expect(entries.length).toBeLessThan(6000);
    expect(entries.at(-1)).toMatchObject({ stream: "platform", fields: { dropped: 6001 - entries.length } });
  });
});
