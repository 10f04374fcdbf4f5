import type { ErrorCode } from "@hanzo-fn/contract";
import { describe, expect, it } from "vitest";
import type { ContainerStatus, Pod } from "../explain/live.ts";
import { diagnose, unexplained, type Trouble, type TroubledCall } from "./diagnosis.ts";

const BEGAN = Date.parse("2026-01-01T00:00:10.500Z");
const AFTER = "2026-01-01T00:00:12Z";
const LONG_BEFORE = "2026-01-01T00:00:01Z";
const REVISION = {
  namespace: "fns",
  name: "f-00002",
  function: "f",
  number: 2,
  concurrency: 10,
  exact: false,
  gpu: false,
  memory: "256Mi",
};
const CUT: Trouble = { how: "cut" };
const BAD_GATEWAY: Trouble = { how: "answered", status: 502 };

const call = (trouble: Trouble, pod: string | undefined = "p"): TroubledCall => ({
  revision: REVISION,
  pod,
  beganAtMs: BEGAN,
  trouble,
});
const throughActivator = (trouble: Trouble): TroubledCall => ({ ...call(trouble), pod: undefined });

function pod(container: Partial<ContainerStatus>, more: Partial<Pod["metadata"]> = {}): Pod {
  return {
    metadata: { name: "p", ...more },
    status: { containerStatuses: [{ name: "queue-proxy" }, { name: "function", ...container }] },
  };
}
const killed = { exitCode: 137, reason: "OOMKilled", finishedAt: AFTER };
const exited = { exitCode: 3, reason: "Error", finishedAt: AFTER };

describe("a call without an answer", () => {
  it.each<[string, TroubledCall, Pod[], ErrorCode | undefined]>([
    [
      "whose instance takes no connection",
      call({ how: "refused", error: "ECONNREFUSED" }),
      [],
      "upstream_unreachable",
    ],
    ["whose pod is gone", call(CUT), [], "instance_killed"],
    ["whose pod is about to end", call(CUT), [pod({}, { deletionTimestamp: AFTER })], "instance_killed"],
    [
      "whose container needed too much memory",
      call(BAD_GATEWAY),
      [pod({ state: { terminated: killed } })],
      "out_of_memory",
    ],
    [
      "whose container was started again already",
      call(CUT),
      [pod({ state: { running: {} }, lastState: { terminated: killed } })],
      "out_of_memory",
    ],
    [
      "whose container ended",
      call(BAD_GATEWAY),
      [pod({ lastState: { terminated: exited } })],
      "instance_exited",
    ],
    [
      "whose container ended long before",
      call(CUT),
      [pod({ lastState: { terminated: { ...exited, finishedAt: LONG_BEFORE } } })],
      undefined,
    ],
    ["whose pod looks well", call(CUT), [pod({ state: { running: {} } })], undefined],
    [
      "behind the activator, while a container ended",
      throughActivator(BAD_GATEWAY),
      [pod({ lastState: { terminated: exited } })],
      "instance_exited",
    ],
    ["behind the activator, with no pods", throughActivator(BAD_GATEWAY), [], undefined],
    [
      "that the activator's queue had no room for",
      throughActivator({ how: "answered", status: 503 }),
      [],
      "no_capacity",
    ],
    [
      "that the activator held for too long",
      throughActivator({ how: "answered", status: 504 }),
      [],
      "queue_timeout",
    ],
    [
      "that Knative's proxy in the pod held for too long",
      call({ how: "answered", status: 504 }),
      [],
      "timeout",
    ],
    [
      "whose revision the activator does not know",
      throughActivator({ how: "answered", status: 404 }),
      [],
      "draining",
    ],
  ])("%s", (_, troubled, pods, code) => {
    expect(diagnose(troubled, pods)?.code).toBe(code);
  });

  it("whose pod was evicted is told what the kubelet says", () => {
    const evicted: Pod = { metadata: { name: "p" }, status: { reason: "Evicted", message: "low on disk" } };
    expect(diagnose(call(CUT), [evicted])).toMatchObject({
      code: "instance_killed",
      message: "instance fn-p was evicted: low on disk",
    });
  });

  it("needs no look at the pods where the trouble says it all, and one where it does not", () => {
    expect(diagnose(call({ how: "refused", error: "no route" }), undefined)?.message).toBe(
      "instance fn-p takes no connection: no route",
    );
    expect(diagnose(call(CUT), undefined)).toBeUndefined();
  });

  it("names revision, memory and what to do", () => {
    expect(diagnose(call(CUT), [pod({ state: { terminated: killed } })])).toMatchObject({
      message: "instance fn-p needed more than its 256Mi of memory",
      component: "engine/knative",
      function: "f",
      revision: "f-00002",
      next: "raise resources.memory in function.yaml and deploy again",
    });
  });

  it("that nobody can explain is said to be that", () => {
    expect(unexplained(throughActivator(BAD_GATEWAY)).message).toBe(
      "an instance did not answer: Knative answered 502 in its place",
    );
    expect(unexplained(call(CUT)).code).toBe("upstream_unreachable");
  });
});
