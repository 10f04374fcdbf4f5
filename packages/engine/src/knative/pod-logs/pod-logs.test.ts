import type { FunctionLogEntry } from "@hanzo-fn/contract";
import type { PodLogsQuery } from "@hanzo-fn/kubernetes";
import { createFakeClock, recordingLog, settle } from "@hanzo-fn/testkit";
import { describe, expect, it } from "vitest";
import { createFakeWatches } from "../../../test/fake-watches.ts";
import { PODS, type LivePod } from "../instances/kinds.ts";
import { createPodLogs } from "./pod-logs.ts";

const LABELS = {
  "app.kubernetes.io/managed-by": "hanzo-functions",
  "functions.hanzo.ai/function": "f",
  "functions.hanzo.ai/revision": "f-00001",
};

function pod(
  name: string,
  uid = name,
  state: object = { running: {} },
  labels: Record<string, string> = LABELS,
): LivePod {
  return {
    ...PODS,
    metadata: { name, namespace: "fns", uid, labels },
    spec: { containers: [{ name: "function", env: [{ name: "HANZO_FN_ORG", value: "acme" }] }] },
    status: { phase: "Running", containerStatuses: [{ name: "function", state }] },
  };
}

/** Logs that are open until they are aborted; a test says what each of them gives. */
async function world(maxFollowed = 10) {
  const clock = createFakeClock();
  const watches = createFakeWatches();
  const entries: FunctionLogEntry[] = [];
  const open = new Map<string, (line: string) => void>();
  const opened: string[] = [];
  async function* podLogs({ pod: name }: PodLogsQuery, signal: AbortSignal) {
    opened.push(name);
    const lines: string[] = [];
    let wake = Promise.withResolvers<void>();
    open.set(name, (line) => {
      lines.push(line);
      wake.resolve();
    });
    const aborted = new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
    });
    try {
      for (;;) {
        await Promise.race([wake.promise, aborted]);
        wake = Promise.withResolvers();
        for (const line of lines.splice(0))
          yield Buffer.from(`2026-01-01T00:00:0${entries.length}.000000000Z ${line}\n`);
      }
    } finally {
      open.delete(name);
    }
  }
  const logs = createPodLogs(
    {
      kubernetes: { watchObjects: watches.watchObjects, podLogs },
      sink: { append: (entry) => void entries.push(entry) },
      clock,
      log: recordingLog(),
    },
    { maxFollowed },
  );
  await logs.start(new AbortController().signal);
  const say = async (name: string, line: string): Promise<void> => {
    open.get(name)?.(line);
    await settle();
  };
  return { clock, watches, entries, open, opened, logs, say };
}

describe("the logs of pods", () => {
  it("are followed once their container has begun, and once only", async () => {
    const { watches, opened } = await world();
    watches.put(PODS, pod("a", "a", { waiting: {} }));
    await settle();
    expect(opened).toEqual([]);
    watches.put(PODS, pod("a"));
    watches.put(PODS, pod("a"));
    await settle();
    expect(opened).toEqual(["a"]);
  });

  it("are those of functions alone", async () => {
    const { watches, opened } = await world();
    watches.put(PODS, pod("a", "a", { running: {} }, { app: "other" }));
    watches.put(PODS, pod("b", "b", { running: {} }, { "app.kubernetes.io/managed-by": "hanzo-functions" }));
    await settle();
    expect(opened).toEqual([]);
  });

  it("still come for a moment when a pod is gone, and then no longer", async () => {
    const { watches, entries, open, clock, say } = await world();
    watches.put(PODS, pod("a"));
    await settle();
    watches.remove(PODS, pod("a"));
    await say("a", "its last words");
    expect(entries.map(({ msg, instance }) => [msg, instance])).toEqual([["its last words", "fn-a"]]);
    expect(open.size).toBe(1);
    await clock.advance(5000);
    expect(open.size).toBe(0);
  });

  it("are another pod's where one comes back under its name", async () => {
    const { watches, opened } = await world();
    watches.put(PODS, pod("a", "first"));
    await settle();
    watches.put(PODS, pod("a", "second"));
    await settle();
    expect(opened).toEqual(["a", "a"]);
  });

  it("wait for their turn where too many are followed", async () => {
    const { watches, opened, clock } = await world(1);
    watches.put(PODS, pod("a"));
    watches.put(PODS, pod("b"));
    await settle();
    expect(opened).toEqual(["a"]);
    watches.remove(PODS, pod("a"));
    await clock.advance(5000);
    expect(opened).toEqual(["a", "b"]);
  });

  it("are followed no longer once it stops", async () => {
    const { watches, logs, open } = await world();
    watches.put(PODS, pod("a"));
    await settle();
    await logs.stop(0);
    expect(open.size).toBe(0);
  });
});
