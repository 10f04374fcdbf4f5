import { waitFor } from "@hanzo-fn/testkit";
import type { DesiredRevision } from "@hanzo-fn/engine";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type BadInput, BUDGET, openBadInput } from "./bad-input.ts";
import { BOOT_MS } from "./test-support.ts";

const ORG = "home";
const PREFIX = "bad-input";
const WATCH_SILENCE_MS = 3000;
const never = new AbortController().signal;

let on: BadInput;

beforeAll(async () => {
  on = await openBadInput({ prefix: PREFIX, watchSilenceMs: WATCH_SILENCE_MS });
}, BOOT_MS);
afterAll(() => on?.[Symbol.asyncDispose](), 60_000);
beforeEach((ctx) => {
  if (on.cluster.daemons === undefined) ctx.skip("only a cluster of ours lets its API server be stopped");
});
afterEach(() => on.neighbourAnswered());

async function deployed(one: DesiredRevision): Promise<DesiredRevision> {
  await on.wish(one);
  await on.reaches(one, "ready");
  await answers(one);
  const proven = { ...one, percent: 100, proven: true };
  await on.wish(proven);
  return proven;
}
const text = ({ ref }: DesiredRevision): string => `hello ${ref.org} from ${ref.name}\n`;

async function answers(one: DesiredRevision): Promise<void> {
  const answered = async (): Promise<boolean> => (await on.call(one)).text === text(one);
  await waitFor(`an answer of ${one.ref.key}`, answered, BUDGET);
}
const kubectl = (...args: string[]): Promise<string> => on.cluster.kubectl([...args, "-n", PREFIX]);
const uid = (kind: string, name: string): Promise<string> =>
  kubectl("get", kind, name, "-o", "jsonpath={.metadata.uid}", "--ignore-not-found");

/** As `kubectl delete --force`, since Knative's proxy takes half a minute to end. */
const endPods = (namespace: string): Promise<string> =>
  on.cluster.kubectl([
    "delete",
    "pods",
    "--all",
    "-n",
    namespace,
    "--force",
    "--grace-period=0",
    "--wait=false",
  ]);

async function remove({ ref }: DesiredRevision, namespace: string): Promise<void> {
  const gone = on.engine.remove({ org: ref.org, function: ref.function }, never);
  const isGoing = async (): Promise<boolean> => {
    const going = "jsonpath={.metadata.deletionTimestamp}";
    const args = ["get", "ksvc", ref.function, "-n", namespace, "-o", going, "--ignore-not-found"];
    const at = await on.cluster.kubectl(args);
    if (at !== "") await endPods(namespace);
    return at !== "";
  };
  await waitFor("its end to begin", isGoing, BUDGET);
  await gone;
}

/** Deletes with kubectl and waits until another object of the same name is there. */
async function comesBack(kind: string, name: string): Promise<void> {
  const before = await uid(kind, name);
  expect(before).not.toBe("");
  await kubectl("delete", kind, name, "--wait=false");
  const isAnother = async (): Promise<boolean> => !["", before].includes(await uid(kind, name));
  await waitFor(`another ${kind} ${name}`, isAnother, BUDGET);
}

describe("bad input: a user deleting our objects with kubectl", () => {
  test("account, Secret, policy, Revision, Service and pods come back, and the function answers", async () => {
    const one = await deployed(on.revision(ORG, "drifts"));
    for (const kind of ["serviceaccount", "secret", "networkpolicy"]) await comesBack(kind, "fn-drifts");
    await kubectl("delete", "pods", "-l", "functions.hanzo.ai/function=drifts", "--wait=false");
    await answers(one);
    await comesBack("revision", "drifts-00001");
    await answers(one);
    await comesBack("ksvc", "drifts");
    await answers(one);
  });

  test("a whole namespace comes back, and what was in it", async () => {
    const one = await deployed(on.revision("swept", "survives"));
    const namespace = `${PREFIX}-swept`;
    const args = ["get", "namespace", namespace, "-o", "jsonpath={.metadata.uid}", "--ignore-not-found"];
    const namespaceUid = (): Promise<string> => on.cluster.kubectl(args);
    const before = await namespaceUid();
    await on.cluster.kubectl(["delete", "namespace", namespace, "--wait=false"]);
    await endPods(namespace);
    const isAnother = async (): Promise<boolean> => !["", before].includes(await namespaceUid());
    await waitFor("another namespace", isAnother, BUDGET);
    await answers(one);
  });
});

describe("bad input: webhook rejections", () => {
  test("are shown verbatim, as kubectl shows them", async () => {
    const one = on.revision(ORG, "rejected", { timeoutMs: 2_000_000 });
    await on.wish(one);
    const { failure } = await on.reaches(one, "failed");
    const containers = [{ image: `${on.cluster.registry.inside}/hello@sha256:${"0".repeat(64)}` }];
    const object = {
      ...{
        apiVersion: "serving.knative.dev/v1",
        kind: "Service",
        metadata: { name: "x", namespace: PREFIX },
      },
      spec: { template: { spec: { timeoutSeconds: 2060, containers } } },
    };
    const said = await on.cluster
      .kubectl(["apply", "--dry-run=server", "-f", "-"], JSON.stringify(object))
      .catch((error: unknown) => String(error));
    const [verbatim = "kubectl was not refused"] = /validation failed: .*/.exec(said) ?? [];
    expect(failure).toMatchObject({ code: "object_rejected", message: expect.stringContaining(verbatim) });
  });
});

describe("bad input: a conflicting field owner", () => {
  test("who takes fields of ours over loses them again, and keeps what we do not mention", async () => {
    const one = await deployed(on.revision(ORG, "contested"));
    const policy = (): Promise<string> =>
      kubectl("get", "networkpolicy", "fn-contested", "-o", "jsonpath={.spec}");
    const before = await policy();
    const object = {
      ...{ apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy" },
      metadata: { name: "fn-contested", namespace: PREFIX, annotations: { "somebody.example/note": "mine" } },
      spec: { podSelector: {}, policyTypes: ["Egress"] },
    };
    const take = ["apply", "--server-side", "--force-conflicts", "--field-manager=somebody", "-f", "-"];
    await on.cluster.kubectl(take, JSON.stringify(object));
    await waitFor("the policy as it was", async () => (await policy()) === before, BUDGET);
    const note = "jsonpath={.metadata.annotations.somebody\\.example/note}";
    expect(await kubectl("get", "networkpolicy", "fn-contested", "-o", note)).toBe("mine");
    const template = { spec: { template: { metadata: { name: "contested-99999" } } } };
    await kubectl(
      "patch",
      "ksvc",
      "contested",
      "--type=merge",
      "--field-manager=somebody",
      "-p",
      JSON.stringify(template),
    );
    const traffic = (): Promise<string> =>
      kubectl("get", "ksvc", "contested", "-o", "jsonpath={.spec.traffic[*].revisionName}");
    expect(await traffic()).toBe("contested-00001");
    const stolen = { spec: { traffic: [{ latestRevision: true, percent: 100 }] } };
    await kubectl(
      "patch",
      "ksvc",
      "contested",
      "--type=merge",
      "--field-manager=somebody",
      "-p",
      JSON.stringify(stolen),
    );
    await waitFor("the traffic", async () => (await traffic()) === "contested-00001", BUDGET);
    await answers(one);
  });
});

describe("bad input: a namespace quota", () => {
  test("what it keeps from starting says so, and starts once there is room", async () => {
    const before = await deployed(on.revision(ORG, "within"));
    await kubectl("create", "quota", "none", "--hard=pods=0");
    const over = on.revision(ORG, "over");
    await on.wish(over);
    expect(await on.warns(over, "quota_exceeded")).toContain("none");
    await on.neighbourAnswered();
    await kubectl("delete", "quota", "none");
    await on.reaches(over, "ready");
    await answers(over);
    await answers(before);
  });
});

describe("bad input: names at the length limit", () => {
  test("forty characters in an organisation of sixty-three are called; one more is refused with the limit", async () => {
    const org = "o".repeat(63);
    const longest = on.revision(org, "f".repeat(40));
    await deployed(longest);
    const longer = on.revision(org, "f".repeat(41));
    await on.wish(longer);
    const { failure } = await on.reaches(longer, "failed");
    expect(failure).toMatchObject({
      code: "unsupported",
      message: expect.stringContaining("to 40 characters"),
    });
    await answers(longest);
  });
});

describe("bad input: two organisations with the same function name", () => {
  test("each has its own, and one's end is not the other's", async () => {
    const [ours, theirs] = [on.revision("acme", "same"), on.revision("Acme", "same")];
    await Promise.all([deployed(ours), deployed(theirs)]);
    await remove(ours, `${PREFIX}-acme`);
    await answers(theirs);
    await waitFor("the other to be unknown", async () => (await on.call(ours)).status === 503, BUDGET);
  });
});

describe("bad input: watch connections silently dead", () => {
  test("are noticed, and what happened meanwhile is seen", async () => {
    const one = await deployed(on.revision(ORG, "unwatched"));
    const before = await uid("networkpolicy", "fn-unwatched");
    on.apiServer.silence();
    await kubectl("delete", "networkpolicy", "fn-unwatched");
    const noticed = (): boolean =>
      on.log.lines.some(({ fields }) =>
        String(fields["error"]).includes(`no byte within ${WATCH_SILENCE_MS / 1000} s`),
      );
    await waitFor("somebody to notice", noticed, BUDGET);
    await on.neighbourAnswered();
    on.apiServer.restore();
    const isAnother = async (): Promise<boolean> =>
      !["", before].includes(await uid("networkpolicy", "fn-unwatched"));
    await waitFor("another policy", isAnother, BUDGET);
    await answers(one);
  });
});

describe("bad input: API server restarts", () => {
  test("calls go on, a deploy waits for it, and what is removed afterwards is forgotten when Kubernetes has it no more", async () => {
    const daemons = on.cluster.daemons!;
    const removed = await deployed(on.revision(ORG, "removed"));
    const place = `${PREFIX}/removed-00001`;
    expect(on.platform.instances.knows(place)).toBe(true);
    const later = on.revision(ORG, "later");
    await daemons.stop("kube-apiserver");
    try {
      await on.wish(later);
      await on.warns(later, "cluster_unavailable");
      await on.neighbourAnswered();
    } finally {
      const there = async (): Promise<boolean> => {
        // At once its port may still be the killed one's, and it ends again.
        await daemons.start("kube-apiserver").catch(() => undefined);
        return on.cluster.kubectl(["get", "namespace", PREFIX]).then(Boolean, () => false);
      };
      await waitFor("the API server", there, { timeoutMs: 60_000, everyMs: 500 });
      // Its garbage collector goes by watches of its own, and was seen to miss a deletion for good after such a kill.
      await daemons.stop("kube-controller-manager");
      await daemons.start("kube-controller-manager");
    }
    await on.reaches(later, "ready");
    await answers(later);
    await answers(removed);
    await remove(removed, PREFIX);
    expect(await kubectl("get", "revision", "removed-00001", "--ignore-not-found")).toBe("");
    await waitFor("it to be forgotten", () => !on.platform.instances.knows(place));
    expect(await on.call(removed)).toMatchObject({ status: 503 });
  });
});
