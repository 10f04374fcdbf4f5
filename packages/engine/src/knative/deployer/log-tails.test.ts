import { createFakeClock, recordingLog } from "@hanzo-fn/testkit";
import { describe, expect, it } from "vitest";
import type { PodLogsQuery } from "@hanzo-fn/kubernetes";
import type { ContainerStatus } from "../explain/live.ts";
import type { PodObject } from "./kinds.ts";
import { createLogTails, lastEnd } from "./log-tails.ts";
import { revision } from "../test-wishes.ts";

const { ref } = revision(1);
const never = new AbortController().signal;

function pod(name: string, ...containerStatuses: ContainerStatus[]): PodObject {
  const metadata = { name, namespace: "n", uid: `uid-${name}` };
  return { apiVersion: "v1", kind: "Pod", metadata, status: { containerStatuses } };
}
const running = (finishedAt: string): ContainerStatus => ({
  ...{ name: "function", state: { waiting: { reason: "CrashLoopBackOff" } } },
  lastState: { terminated: { exitCode: 1, finishedAt } },
});
const ended = (finishedAt: string): ContainerStatus => ({
  ...{ name: "function", state: { terminated: { exitCode: 1, finishedAt } } },
});

/** `now`: what the container says that runs by now; the same without it. */
function setup(content: string, now = content) {
  const asked: PodLogsQuery[] = [];
  const tails = createLogTails({
    ...{ clock: createFakeClock(), log: recordingLog() },
    kubernetes: {
      async *podLogs(query) {
        asked.push(query);
        yield Buffer.from(query.previous === true ? content : now);
      },
    },
  });
  return { asked, tails };
}

describe("the container that ended last", () => {
  it("is the function's, before or after its restart", () => {
    const early = pod("a", running("2026-01-01T00:00:01Z"));
    const late = pod(
      "b",
      { ...running("2026-01-01T00:00:09Z"), name: "queue-proxy" },
      ended("2026-01-01T00:00:02Z"),
    );
    expect(lastEnd([early])).toMatchObject({ pod: "a", previous: true });
    expect(lastEnd([early, late])).toMatchObject({ pod: "b", previous: false });
    expect(lastEnd([pod("c", { name: "function", state: { running: {} } })])).toBeUndefined();
  });
});

describe("the last lines", () => {
  it("are read once for each end", async () => {
    const line = JSON.stringify({
      ts: "2026-01-01T00:00:00Z",
      level: "error",
      msg: "load failed: x",
      stream: "log",
    });
    const { asked, tails } = setup(`plain\n${line}\n`);
    await tails.read(ref, [pod("a", running("2026-01-01T00:00:01Z"))], never);
    await tails.read(ref, [pod("a", running("2026-01-01T00:00:01Z"))], never);
    expect(tails.of(ref.key)).toEqual(["plain", "load failed: x"]);
    expect(asked).toMatchObject([{ pod: "a", container: "function", previous: true, tailLines: 20 }]);
    await tails.read(ref, [pod("a", running("2026-01-01T00:00:05Z"))], never);
    expect(asked).toHaveLength(2);
    tails.forget(ref.key);
    expect(tails.of(ref.key)).toEqual([]);
  });

  it("are found also where the container was restarted since", async () => {
    const { tails } = setup("last words", "");
    await tails.read(ref, [pod("a", ended("2026-01-01T00:00:01Z"))], never);
    expect(tails.of(ref.key)).toEqual(["last words"]);
  });

  it("are at most twenty, none of them endless", async () => {
    const { tails } = setup(`${"x".repeat(9000)}\n`.repeat(30));
    await tails.read(ref, [pod("a", ended("2026-01-01T00:00:01Z"))], never);
    expect(tails.of(ref.key).map(({ length }) => length)).toEqual(Array.from({ length: 20 }, () => 2000));
  });
});
