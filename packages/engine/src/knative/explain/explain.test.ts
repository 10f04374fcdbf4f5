import { describe, expect, it } from "vitest";
import { explain, type Observed } from "./explain.ts";
import type { Condition, ContainerStatus, Conditioned, Pod } from "./live.ts";
import type { Subject } from "./verdict.ts";

const NOW = new Date("2026-01-01T00:01:00Z");
const CREATED = "2026-01-01T00:00:00Z";
const SUBJECT: Subject = {
  function: "embed",
  revision: "embed-00003",
  number: 3,
  memoryBytes: 2 ** 28,
  proven: false,
};
const DIGEST = `registry.example:5000/embed@sha256:${"a".repeat(64)}`;

function conditioned(...conditions: Condition[]): Conditioned {
  return {
    metadata: { name: "embed-00003", generation: 1, creationTimestamp: CREATED },
    status: { observedGeneration: 1, conditions },
  };
}

const STARTING = conditioned({ type: "Ready", status: "Unknown", reason: "Deploying" });
const READY = conditioned({ type: "Ready", status: "True" });

function failed(type: string, reason: string, message: string): Conditioned {
  return conditioned(
    { type, status: "False", reason, message },
    { type: "Ready", status: "False", reason, message },
  );
}

function pod(container: Partial<ContainerStatus>, conditions: Condition[] = []): Pod {
  const own = { name: "function", ready: false, ...container };
  return {
    metadata: { name: "embed-00003-deployment-abc-xyz" },
    status: {
      startTime: CREATED,
      conditions,
      containerStatuses: [{ name: "queue-proxy", ready: true }, own],
    },
  };
}

function waiting(reason: string, message: string): Pod {
  return pod({ state: { waiting: { reason, message } } });
}

function unscheduled(message: string): Pod {
  const conditions: Condition[] = [
    { type: "PodScheduled", status: "False", reason: "Unschedulable", message },
  ];
  return { metadata: { name: "p" }, status: { phase: "Pending", conditions } };
}

function look(more: Partial<Observed>, subject: Partial<Subject> = {}, now = NOW) {
  const observed = {
    pods: [],
    events: [],
    deploymentConditions: [],
    logTail: [],
    progressDeadlineMs: 120_000,
    ...more,
  };
  return explain(observed, { ...SUBJECT, ...subject }, now);
}

describe("a revision", () => {
  it("is pending before it exists, starting while Knative works, ready when it says so", () => {
    expect(look({}).state).toBe("pending");
    expect(look({ revision: STARTING }).state).toBe("starting");
    expect(look({ revision: READY })).toEqual({ state: "ready", instances: [], warnings: [] });
  });

  it("is not judged by a status that is older than itself", () => {
    const { metadata } = READY;
    const old = { ...READY, metadata: { ...metadata, generation: 2 } };
    expect(look({ revision: old }).state).toBe("starting");
  });

  it("without traffic and without instances is ready, not failed", () => {
    const idle = conditioned(
      {
        type: "Active",
        status: "False",
        reason: "NoTraffic",
        message: "The target is not receiving traffic.",
      },
      { type: "Ready", status: "True" },
    );
    const events = [{ reason: "FailedScheduling", message: "0/1 nodes are available: 1 Insufficient cpu." }];
    expect(look({ revision: idle, events })).toEqual({ state: "ready", instances: [], warnings: [] });
  });

  it("shows its pods as instances, named as callers see them", () => {
    const dying = { ...pod({ ready: true }), metadata: { name: "b", deletionTimestamp: CREATED } };
    const { instances } = look({ revision: READY, pods: [pod({ ready: true }), pod({}), dying] });
    expect(instances.map(({ instance, state }) => [instance, state])).toEqual([
      ["fn-embed-00003-deployment-abc-xyz", "ready"],
      ["fn-embed-00003-deployment-abc-xyz", "starting"],
      ["fn-b", "draining"],
    ]);
  });

  it("that is ready stays ready while its pods crash, and says so", () => {
    const crashing = pod({
      restartCount: 4,
      state: { waiting: { reason: "CrashLoopBackOff" } },
      lastState: { terminated: { exitCode: 3 } },
    });
    const explained = look(
      { revision: failed("ContainerHealthy", "ExitCode3", ""), pods: [crashing] },
      { proven: true },
    );
    expect(explained).toMatchObject({ state: "ready", failure: { code: "crash_loop" } });
    expect(explained.failure?.message).toContain("an instance exited with code 3; it was started 5 times");
  });

  it("warns of a Route that no ingress serves, and is ready all the same", () => {
    const route = conditioned({
      type: "IngressReady",
      status: "Unknown",
      reason: "IngressNotConfigured",
      message: "Ingress has not yet been reconciled.",
      lastTransitionTime: new Date(NOW.getTime() - 60_000).toISOString(),
    });
    const explained = look({ revision: READY, route });
    expect(explained.state).toBe("ready");
    expect(explained.warnings[0]).toContain(
      "ingress_not_ready: no ingress has taken up the function's Route",
    );
  });

  it("does not warn of a Route that became not ready a moment ago, as after every deploy", () => {
    const lastTransitionTime = new Date(NOW.getTime() - 10_000).toISOString();
    const route = conditioned({
      type: "IngressReady",
      status: "Unknown",
      reason: "IngressNotConfigured",
      lastTransitionTime,
    });
    expect(look({ revision: READY, route }).warnings).toEqual([]);
  });
});

/** Texts as containerd, the kubelet, the scheduler and Knative write them. */
const CAUSES: readonly (readonly [string, Partial<Observed>, string, string, string])[] = [
  [
    "an image that the registry does not have",
    {
      pods: [
        waiting(
          "ImagePullBackOff",
          `Back-off pulling image "${DIGEST}": ErrImagePull: rpc error: code = NotFound desc = failed to pull and unpack image "${DIGEST}": ${DIGEST}: not found`,
        ),
      ],
    },
    "failed",
    "image_pull_failed",
    "the registry does not have the image",
  ],
  [
    "a registry that refuses",
    {
      pods: [
        waiting(
          "ImagePullBackOff",
          `failed to authorize: failed to fetch anonymous token: unexpected status: 401 Unauthorized`,
        ),
      ],
    },
    "failed",
    "image_pull_failed",
    "the registry refuses the cluster's credentials",
  ],
  [
    "a damaged image",
    {
      pods: [
        waiting(
          "ImagePullBackOff",
          "failed commit on ref: unexpected commit digest sha256:bbbb, expected sha256:aaaa: failed precondition",
        ),
      ],
    },
    "failed",
    "image_pull_failed",
    "the image in the registry is damaged",
  ],
  [
    "a registry that is down, which may come back",
    {
      pods: [
        waiting(
          "ErrImagePull",
          `failed to do request: Head "https://registry.example:5000/v2/": dial tcp 192.0.2.1:5000: connect: connection refused`,
        ),
      ],
    },
    "starting",
    "image_pull_failed",
    "the registry cannot be reached from the cluster's nodes",
  ],
  [
    "an image that Knative cannot find",
    {
      revision: failed(
        "ContainerHealthy",
        "ContainerMissing",
        `Unable to fetch image "x": failed to resolve image to digest: HEAD https://r/v2/x: unexpected status code 404 Not Found`,
      ),
    },
    "failed",
    "image_pull_failed",
    "the registry does not have the image",
  ],
  [
    "a GPU that is in use",
    {
      pods: [
        unscheduled(
          "0/3 nodes are available: 1 Insufficient nvidia.com/gpu, 2 node(s) didn't match Pod's node affinity/selector. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.",
        ),
      ],
    },
    "starting",
    "unschedulable",
    "waiting for a GPU: none of 3 nodes can take an instance: not enough free nvidia.com/gpu, no node has the labels that it asks for",
  ],
  [
    "too little CPU, whatever Knative says before the deadline",
    {
      revision: failed("ResourcesAvailable", "Unschedulable", "0/1 nodes are available: 1 Insufficient cpu."),
      pods: [
        unscheduled(
          "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 No preemption victims found.",
        ),
      ],
    },
    "starting",
    "unschedulable",
    "none of 1 nodes can take an instance: not enough CPU",
  ],
  [
    "a taint",
    { pods: [unscheduled("0/1 nodes are available: 1 node(s) had untolerated taint {dedicated: gpu}.")] },
    "starting",
    "unschedulable",
    "a taint that it does not tolerate (dedicated: gpu)",
  ],
  [
    "code that does not load, by the server's own words",
    {
      revision: failed("ContainerHealthy", "ExitCode1", "Container failed with: "),
      logTail: ["load failed: import_error: No module named 'torch'"],
      pods: [
        pod({
          restartCount: 1,
          state: { waiting: { reason: "CrashLoopBackOff", message: "back-off 10s" } },
          lastState: { terminated: { exitCode: 1, reason: "Error" } },
        }),
      ],
    },
    "failed",
    "load_failed",
    "the code exited with code 1 before it was ready: import_error: No module named 'torch'",
  ],
  [
    "code that ends itself, by its last lines",
    { pods: [pod({ state: { terminated: { exitCode: 3, reason: "Error" } } })], logTail: ["one", "two"] },
    "failed",
    "load_failed",
    "the code exited with code 3 before it was ready: one | two",
  ],
  [
    "code that is ended by a signal",
    { pods: [pod({ state: { terminated: { exitCode: 139, reason: "Error" } } })] },
    "failed",
    "load_failed",
    "the code was ended by signal 11",
  ],
  [
    "too little memory",
    { pods: [pod({ restartCount: 2, lastState: { terminated: { exitCode: 137, reason: "OOMKilled" } } })] },
    "failed",
    "out_of_memory",
    "an instance needed more than its 256Mi of memory; it was started 3 times",
  ],
  [
    "a Secret that is not there",
    { pods: [waiting("CreateContainerConfigError", `secret "fn-embed" not found`)] },
    "starting",
    "missing_secret",
    "the Secret fn-embed is missing in the cluster",
  ],
  [
    "a secret that is not in it",
    {
      pods: [
        waiting("CreateContainerConfigError", `couldn't find key db in Secret hanzo-functions/fn-embed`),
      ],
    },
    "starting",
    "missing_secret",
    "the secret db is missing in the cluster",
  ],
  [
    "a budget that is used up",
    {
      events: [
        {
          reason: "FailedCreate",
          message: `Error creating: pods "embed-00003-deployment-abc-xyz" is forbidden: exceeded quota: hanzo-functions, requested: requests.cpu=525m, used: requests.cpu=2, limited: requests.cpu=2`,
        },
      ],
    },
    "starting",
    "quota_exceeded",
    "the organisation's budget hanzo-functions is used up: an instance needs requests.cpu=525m, requests.cpu=2 of requests.cpu=2 are in use",
  ],
  [
    "a policy of the cluster, word for word",
    {
      deploymentConditions: [
        {
          type: "ReplicaFailure",
          status: "True",
          reason: "FailedCreate",
          message: `pods "x" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true`,
        },
      ],
    },
    "starting",
    "object_rejected",
    `violates PodSecurity "restricted:latest": runAsNonRoot != true`,
  ],
  [
    "a deadline that passed",
    {
      revision: failed("ResourcesAvailable", "ProgressDeadlineExceeded", "Initial scale was never achieved"),
    },
    "failed",
    "start_timeout",
    "no instance became ready within 120 s (Initial scale was never achieved)",
  ],
  [
    "somebody else's Deployment",
    {
      revision: failed(
        "ResourcesAvailable",
        "NotOwned",
        `There is an existing Deployment "x" that we do not own.`,
      ),
    },
    "failed",
    "conflict",
    `There is an existing Deployment "x" that we do not own.`,
  ],
  [
    "a reason that nobody knows yet",
    { revision: failed("ResourcesAvailable", "Strange", "things happened") },
    "failed",
    "load_failed",
    "Knative says Strange: things happened",
  ],
];

describe("what keeps a revision from starting", () => {
  it.each(CAUSES)("%s", (_, observed, state, code, message) => {
    const explained = look({ revision: STARTING, ...observed });
    expect(explained.state).toBe(state);
    const said = state === "failed" ? explained.failure : explained.waiting;
    expect(said?.code).toBe(code);
    expect(said?.message).toContain(message);
  });

  it.each(CAUSES)("%s comes with a next step", (_, observed) => {
    const explained = look({ revision: STARTING, ...observed });
    expect(explained.waiting?.next ?? explained.failure?.message.split("; ").at(-1)).toMatch(/[a-z]{3}/);
  });

  it("is a failure once the deadline is over, also where it might come right", () => {
    const late = new Date("2026-01-01T00:02:31Z");
    const pods = [unscheduled("0/1 nodes are available: 1 Insufficient cpu.")];
    expect(look({ revision: STARTING, pods }, {}, late)).toMatchObject({
      state: "failed",
      failure: { code: "unschedulable" },
    });
  });

  it("is no failure at the first answer of a registry, but once the kubelet backs off", () => {
    const missing = (reason: string) => look({ revision: STARTING, pods: [waiting(reason, "not found")] });
    expect(missing("ErrImagePull")).toMatchObject({
      state: "starting",
      waiting: { code: "image_pull_failed" },
    });
    expect(missing("ImagePullBackOff").state).toBe("failed");
  });

  it("does not show the image's name, which is long and says nothing", () => {
    const pods = [waiting("ImagePullBackOff", `Back-off pulling image "${DIGEST}": not found`)];
    expect(look({ revision: STARTING, pods }).failure?.message).not.toContain("sha256");
  });

  it("is not looked for in pods that are leaving, nor in Knative's container", () => {
    const leaving = waiting("ImagePullBackOff", "not found");
    const dying = { ...leaving, metadata: { name: "a", deletionTimestamp: CREATED } };
    const queue: Pod = {
      metadata: { name: "b" },
      status: { containerStatuses: [{ name: "queue-proxy", state: { terminated: { exitCode: 1 } } }] },
    };
    expect(look({ revision: STARTING, pods: [dying, queue] })).toMatchObject({ state: "starting" });
    expect(look({ revision: STARTING, pods: [dying, queue] }).waiting).toBeUndefined();
  });

  it("carries the last lines and the time of Knative's verdict", () => {
    const at = "2026-01-01T00:00:30Z";
    const revision = conditioned({
      type: "Ready",
      status: "False",
      reason: "ProgressDeadlineExceeded",
      message: "m",
      lastTransitionTime: at,
    });
    expect(look({ revision, logTail: ["bye"] }).failure).toMatchObject({ logTail: ["bye"], at });
  });
});
