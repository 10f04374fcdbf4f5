import { Secret } from "@hanzo-fn/contract";
import { describe, expect, it } from "vitest";
import { differences, onEvent } from "./drift.ts";
import type { KubeObject } from "./kube.ts";
import { plan, type LiveFunction, type LiveService, type Step } from "./plan.ts";
import { resources } from "./resources.ts";
import { rotation, restartPatch } from "./secrets.ts";
import { functionWish, revision, revisionWish, settingsOf } from "./test-wishes.ts";
import type { FunctionWish, RevisionWish } from "./wish.ts";

const SETTINGS = settingsOf("auth: {org: hanzo}");

/** The cluster after everything was applied once, defaults and all. */
function settled(
  fn: FunctionWish,
  revisions: readonly RevisionWish[],
): LiveFunction & { service: LiveService } {
  const applied = structuredClone(resources(fn, revisions, SETTINGS)).map(({ object }) => object);
  const [service, traffic] = applied.slice(-2) as [LiveService, LiveService];
  const live = { ...service, spec: { ...service.spec, traffic: traffic.spec.traffic } };
  return {
    service: live,
    objects: applied.slice(0, -2),
    revisions: revisions.map(({ desired }) => liveRevision(fn, desired.ref.number, revisions)),
    deployments: new Map(),
  };
}

function liveRevision(fn: FunctionWish, number: number, revisions: readonly RevisionWish[]): KubeObject {
  const alone = revisions.filter(({ desired }) => desired.ref.number === number);
  const whole = alone.map((item) => ({ ...item, desired: { ...item.desired, percent: 100 } }));
  const service = resources(fn, whole, SETTINGS).at(-2)?.object as LiveService;
  const name = service.spec.template.metadata?.name ?? "";
  const annotations = { ...service.spec.template.metadata?.annotations };
  const [wish] = alone;
  if (wish?.desired.percent === 0) annotations["autoscaling.knative.dev/min-scale"] = "0";
  return { apiVersion: "serving.knative.dev/v1", kind: "Revision", metadata: { name, annotations } };
}

function words(steps: readonly Step[]): string[] {
  return steps.map((step) =>
    step.kind === "apply"
      ? `apply ${step.object.kind} ${step.object.metadata.name}${step.manager.endsWith("traffic") ? " traffic" : ""}`
      : `${step.kind} ${step.target.kind} ${step.target.name}`,
  );
}

const two = [
  revisionWish(revision(1, { percent: 100, proven: true })),
  revisionWish(revision(2, { proven: true })),
];

describe("the plan of a function", () => {
  it("begins with what pods need and the oldest missing revision", () => {
    const nothing = { objects: [], revisions: [], deployments: new Map() };
    const { steps } = plan(functionWish(), two, nothing, SETTINGS);
    expect(words(steps)).toEqual([
      "apply ServiceAccount fn-embed-document",
      "apply Secret fn-embed-document",
      "apply NetworkPolicy fn-embed-document",
      "apply Service embed-document",
    ]);
    const last = steps.at(-1) as Step & { kind: "apply" };
    expect((last.object as LiveService).spec.template.metadata?.name).toBe("embed-document-00001");
  });

  it("is empty once the cluster is as wished", () => {
    const fn = functionWish();
    expect(plan(fn, two, settled(fn, two), SETTINGS)).toEqual({ steps: [], outdated: [] });
  });

  it("waits for a revision whose template was sent", () => {
    const fn = functionWish();
    const live = { ...settled(fn, two), revisions: [liveRevision(fn, 1, two)] };
    expect(words(plan(fn, two, live, SETTINGS).steps)).toEqual([]);
  });

  it("makes an older revision again that somebody deleted, and does not point the Route at it before", () => {
    const fn = functionWish();
    const live = { ...settled(fn, two), revisions: [liveRevision(fn, 2, two)] };
    live.service = { ...live.service, spec: { ...live.service.spec, traffic: [] } };
    const { steps } = plan(fn, two, live, SETTINGS);
    expect(words(steps)).toEqual(["apply Service embed-document"]);
    expect(JSON.stringify(steps)).toContain('"name":"embed-document-00001"');
  });

  it.each(["ServiceAccount", "Secret", "NetworkPolicy"])("puts a deleted %s back, alone", (kind) => {
    const fn = functionWish();
    const live = settled(fn, two);
    const objects = live.objects.filter((object) => object.kind !== kind);
    expect(words(plan(fn, two, { ...live, objects }, SETTINGS).steps)).toEqual([
      `apply ${kind} fn-embed-document`,
    ]);
  });

  it("moves the traffic without touching the template", () => {
    const fn = functionWish();
    const moved = [
      revisionWish(revision(1, { percent: 90, proven: true })),
      revisionWish(revision(2, { percent: 10, proven: true })),
    ];
    expect(words(plan(fn, moved, settled(fn, two), SETTINGS).steps)).toEqual([
      "apply Service embed-document traffic",
    ]);
  });

  it("takes a failing revision without a share out of the traffic, which would take no change otherwise", () => {
    const fn = functionWish();
    const live = settled(fn, two);
    const conditions = [{ type: "Ready", status: "False" }];
    const failing = { ...(live.revisions[1] as KubeObject), status: { conditions } };
    const revisions = [live.revisions[0] as KubeObject, failing];
    const { steps } = plan(fn, two, { ...live, revisions }, SETTINGS);
    expect(words(steps)).toEqual(["apply Service embed-document traffic"]);
    expect(JSON.stringify(steps)).not.toContain("embed-document-00002");
  });

  it("changes scaling in the live Revisions, and makes no new one", () => {
    const fn = functionWish();
    const live = settled(fn, two);
    const scaling = { ...fn.scaling, maxInstances: 3 };
    const { steps, outdated } = plan({ ...fn, scaling }, two, live, SETTINGS);
    expect(words(steps)).toEqual([
      "patch Revision embed-document-00001",
      "patch Revision embed-document-00002",
    ]);
    expect(steps[0]).toMatchObject({
      patch: { metadata: { annotations: { "autoscaling.knative.dev/max-scale": "3" } } },
    });
    expect(outdated).toEqual([]);
  });

  it("lets a settled template be where the platform's settings changed, and says what waits for the next revision", () => {
    const fn = functionWish();
    const later = settingsOf("auth: {org: hanzo}\nknative: {cpu_limit: 2}");
    const { steps, outdated } = plan(fn, two, settled(fn, two), later);
    expect(steps).toEqual([]);
    expect(outdated).toEqual(["spec.template.spec.containers[0].resources.limits.cpu"]);
  });

  it("puts a template back that somebody wrote into the Service", () => {
    const fn = functionWish();
    const live = settled(fn, two);
    const template = { metadata: { name: "embed-document-byhand" } };
    live.service = { ...live.service, spec: { ...live.service.spec, template } };
    expect(words(plan(fn, two, live, SETTINGS).steps)).toEqual(["apply Service embed-document"]);
  });

  it("leaves the template of a newer revision that failed, which is wished for no more", () => {
    const fn = functionWish();
    const live = settled(fn, [...two, revisionWish(revision(3))]);
    expect(words(plan(fn, two, live, SETTINGS).steps)).toEqual([]);
  });

  it("mends the labels of the Service by a patch, since its template must not change", () => {
    const fn = functionWish();
    const live = settled(fn, two);
    live.service = { ...live.service, metadata: { ...live.service.metadata, labels: {} } };
    const { steps } = plan(fn, two, live, SETTINGS);
    expect(words(steps)).toEqual(["patch Service embed-document"]);
    expect(JSON.stringify(steps)).not.toContain("template");
  });

  it("deletes revisions that nobody wishes for, but none with traffic and none that somebody else named", () => {
    const fn = functionWish();
    const three = [...two, revisionWish(revision(3, { proven: true }))];
    const live = settled(fn, three);
    const foreign = { apiVersion: "v1", kind: "Revision", metadata: { name: "embed-document-blue" } };
    const wished = three
      .slice(1)
      .map((item, index) => ({ ...item, desired: { ...item.desired, percent: index * 100 } }));
    const before = { ...live, revisions: [...live.revisions, foreign] };
    expect(words(plan(fn, wished, before, SETTINGS).steps)).not.toContain(
      "delete Revision embed-document-00001",
    );
    const traffic = resources(fn, wished, SETTINGS).at(-1)?.object as LiveService;
    const moved = { ...live.service, spec: { ...live.service.spec, traffic: traffic.spec.traffic } };
    const steps = words(plan(fn, wished, { ...before, service: moved }, SETTINGS).steps);
    expect(steps.filter((step) => step.startsWith("delete"))).toEqual([
      "delete Revision embed-document-00001",
    ]);
  });
});

describe("rotation of secrets", () => {
  const now = new Date("2026-01-02T03:04:05.678Z");
  const live = { metadata: {}, data: { a: "b2xk" } };

  it("is a changed value, not a new one", () => {
    expect(rotation(undefined, { a: "x" }, now)).toBeUndefined();
    expect(rotation(live, { a: "b2xk", b: "bmV3" }, now)).toBeUndefined();
    expect(rotation(live, { a: "bmV3" }, now)).toBe("2026-01-02T03:04:05.678Z");
  });

  it("is remembered by the Secret", () => {
    const changed = {
      ...live,
      metadata: { annotations: { "functions.hanzo.ai/changed-at": "2026-01-01T00:00:00.000Z" } },
    };
    expect(rotation(changed, { a: "b2xk" }, now)).toBe("2026-01-01T00:00:00.000Z");
  });

  it("rolls pods that are older, once", () => {
    const deployment = (creationTimestamp: string, annotations = {}) => ({
      metadata: { creationTimestamp },
      spec: { template: { metadata: { annotations } } },
    });
    const at = now.toISOString();
    const patch = restartPatch(deployment("2026-01-01T00:00:00Z"), at);
    expect(patch?.spec.template.metadata.annotations).toEqual({ "kubectl.kubernetes.io/restartedAt": at });
    const done = { "kubectl.kubernetes.io/restartedAt": at };
    expect(restartPatch(deployment("2026-01-01T00:00:00Z", done), at)).toBeUndefined();
    expect(restartPatch(deployment("2026-01-03T00:00:00Z"), at)).toBeUndefined();
    expect(restartPatch(deployment("2026-01-01T00:00:00Z"), undefined)).toBeUndefined();
  });

  it("is part of the plan for revisions that use secrets", () => {
    const secrets = new Map([["key", new Secret("new")]]);
    const fn = functionWish({ secrets, secretsChangedAt: now.toISOString() });
    const wishes = [revisionWish(revision(1, { percent: 100, proven: true, secrets: { KEY: "key" } }))];
    const deployment = { metadata: { creationTimestamp: "2026-01-01T00:00:00Z" }, spec: { template: {} } };
    const live = { ...settled(fn, wishes), deployments: new Map([["embed-document-00001", deployment]]) };
    expect(words(plan(fn, wishes, live, SETTINGS).steps)).toEqual([
      "patch Deployment embed-document-00001-deployment",
    ]);
  });
});

describe("drift", () => {
  it("is a field that differs or is gone, not one that others added", () => {
    const wanted = { a: 1, b: { c: "x" }, list: [{ n: 1 }] };
    expect(differences(wanted, { a: 1, b: { c: "x", d: 2 }, list: [{ n: 1, m: 2 }], e: 3 })).toEqual([]);
    expect(differences(wanted, { a: 2, b: {}, list: [] })).toEqual(["a", "b.c", "list"]);
    expect(differences(wanted, undefined)).toEqual([""]);
  });

  it("is no other way to write a quantity", () => {
    const wanted = { limits: { cpu: "1000m", memory: "1Gi", "nvidia.com/gpu": "1" } };
    expect(differences(wanted, { limits: { cpu: "1", memory: "1073741824", "nvidia.com/gpu": 1 } })).toEqual(
      [],
    );
    expect(differences(wanted, { limits: { cpu: "2", memory: "1Gi", "nvidia.com/gpu": "1" } })).toEqual([
      "limits.cpu",
    ]);
    expect(differences({ name: "1" }, { name: "1000m" })).toEqual(["name"]);
  });

  it("leaves owners to others", () => {
    const owner = { uid: "a" };
    expect(differences({ ownerReferences: [owner] }, { ownerReferences: [{ uid: "b" }, owner] })).toEqual([]);
    expect(differences({ ownerReferences: [owner] }, { ownerReferences: [{ uid: "b" }] })).toEqual([
      "ownerReferences",
    ]);
  });

  const wanted = resources(functionWish(), [revisionWish(revision(1))], SETTINGS)[0]?.object as KubeObject;
  const edited = { ...wanted, automountServiceAccountToken: true };
  const dying = { ...wanted, metadata: { ...wanted.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" } };
  const unlabelled = { ...wanted, metadata: { ...wanted.metadata, labels: {} } };
  it.each([
    ["DELETED", wanted, wanted, "reapply"],
    ["DELETED", wanted, undefined, "ignore"],
    ["MODIFIED", edited, wanted, "reapply"],
    ["MODIFIED", wanted, wanted, "ignore"],
    ["MODIFIED", unlabelled, wanted, "reapply"],
    ["MODIFIED", dying, wanted, "wait"],
    ["ADDED", wanted, undefined, "remove"],
    ["ADDED", unlabelled, undefined, "ignore"],
  ] as const)("after %s (case %#) asks for what is right", (type, object, wish, answer) => {
    expect(onEvent({ type, object }, wish)).toBe(answer);
  });
});
