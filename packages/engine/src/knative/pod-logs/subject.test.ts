import { describe, expect, it } from "vitest";
import type { LivePod } from "../instances/kinds.ts";
import { containerLog, keptOf, subjectOf } from "./subject.ts";

const LABELS = {
  "functions.hanzo.ai/function": "embed",
  "functions.hanzo.ai/revision": "embed-00003",
  "functions.hanzo.ai/org": "acme-labs--hash",
};

function pod(state: object = {}, more: { phase?: string; restarts?: number } = {}): LivePod {
  const { phase = "Running", restarts = 0 } = more;
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "embed-00003-x", namespace: "fns", uid: "u", labels: { ...LABELS, app: "x" } },
    spec: {
      containers: [
        { name: "queue-proxy", env: [{ name: "HANZO_FN_ORG", value: "not-this" }] },
        {
          name: "function",
          env: [
            { name: "A", value: "b" },
            { name: "HANZO_FN_ORG", value: "Acme.Labs" },
          ],
        },
      ],
    },
    status: {
      phase,
      containerStatuses: [{ name: "queue-proxy" }, { name: "function", restartCount: restarts, state }],
    },
  };
}

describe("a pod", () => {
  it("names function, revision and instance by its labels, and the organisation word for word", () => {
    const subject = {
      namespace: "fns",
      pod: "embed-00003-x",
      uid: "u",
      org: "Acme.Labs",
      function: "embed",
      revision: "embed-00003",
      instance: "fn-embed-00003-x",
    };
    expect(subjectOf(pod())).toEqual(subject);
    expect(subjectOf(keptOf(pod()))).toEqual(subject);
  });

  it("of something else is none of ours", () => {
    const other = pod();
    expect(subjectOf({ ...other, metadata: { ...other.metadata, labels: {} } })).toBeUndefined();
    expect(subjectOf({ ...other, spec: { containers: [] } })).toBeUndefined();
  });

  it.each([
    [
      "waits for its container",
      pod({ waiting: {} }, { phase: "Pending" }),
      { begun: false, ended: false, restarts: 0 },
    ],
    ["has no status", { ...pod(), status: {} }, { begun: false, ended: false, restarts: 0 }],
    ["runs", pod({ running: {} }), { begun: true, ended: false, restarts: 0 }],
    [
      "waits to start again",
      pod({ waiting: {} }, { restarts: 2 }),
      { begun: true, ended: false, restarts: 2 },
    ],
    ["has failed", pod({ terminated: {} }, { phase: "Failed" }), { begun: true, ended: true, restarts: 0 }],
  ])("that %s", (_, seen, log) => {
    expect(containerLog(seen)).toEqual(log);
    expect(containerLog(keptOf(seen))).toEqual(log);
  });
});
