import { PlatformError } from "@hanzo-fn/contract";
import type { Kind } from "@hanzo-fn/kubernetes";
import { waitFor } from "@hanzo-fn/testkit";
import { expect, it } from "vitest";
import { revision } from "../test-wishes.ts";
import { ACCOUNTS, type LiveObject, NAMESPACES, organisationKinds, SECRETS, SERVICES } from "./kinds.ts";
import {
  deployer,
  find,
  freshName,
  HOME,
  IMAGE,
  kubernetes,
  makeRevision,
  never,
  there,
  useKnativeApi,
  wish,
} from "./test-api.ts";

useKnativeApi();

const TEST = { fieldManager: "test" };
const QUOTAS = organisationKinds(true).find(({ kind }) => kind === "ResourceQuota") as Kind<LiveObject>;
function admissionKind(kind: string, plural: string): Kind<LiveObject> {
  return { apiVersion: "admissionregistration.k8s.io/v1", kind, plural, namespaced: false };
}
const POLICIES = admissionKind("ValidatingAdmissionPolicy", "validatingadmissionpolicies");
const BINDINGS = admissionKind("ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings");

/** An organisation's namespace as a deploy leaves it. */
async function organisation(org: string): Promise<string> {
  await using test = await deployer();
  const name = freshName();
  const first = revision(1, { org, name });
  await test.engine.apply(wish(name, [first], { org }), never);
  const namespace = `${HOME}-${org}`;
  await there(SERVICES, name, namespace);
  return namespace;
}

it("a first deploy into a namespace that is not there: says so, makes nothing, publishes nothing", async () => {
  await using test = await deployer();
  const name = freshName();
  const first = revision(1, { org: "nobody", name });
  const found = await test.engine.check(wish(name, [first], { org: "nobody" }), never);
  expect(found.refused).toEqual([]);
  expect(found.warnings).toEqual([
    "the namespace hanzo-functions-nobody does not exist yet: quota, policies and webhooks were tried for the namespace alone",
  ]);
  expect(await find(NAMESPACES, "hanzo-functions-nobody")).toBeUndefined();
  expect(test.published).toEqual([]);
  expect(test.engine.status(first.ref)).toBeUndefined();
});

it("in a namespace that is there every object is tried, and none is made", async () => {
  const namespace = await organisation("tried");
  await using test = await deployer();
  const name = freshName();
  const first = revision(1, { org: "tried", name, secrets: { KEY: "api/key" } });
  const found = await test.engine.check(wish(name, [first], { org: "tried" }), never);
  expect(found).toEqual({ refused: [], warnings: [] });
  for (const kind of [SERVICES, SECRETS, ACCOUNTS] as const) {
    expect(
      await find(kind as Kind<LiveObject>, kind === SERVICES ? name : `fn-${name}`, namespace),
    ).toBeUndefined();
  }
  expect(test.published).toEqual([]);
});

it("the words of a quota and of a validating admission policy come through as they are", async () => {
  const namespace = await organisation("limited");
  const hard = { "count/secrets": "0" };
  const quota = {
    apiVersion: "v1",
    kind: "ResourceQuota",
    metadata: { name: "few", namespace },
    spec: { hard },
  };
  await kubernetes().apply(QUOTAS, quota as never, TEST, never);
  // What the controller of quotas would count.
  const status = { hard, used: { "count/secrets": "0" } };
  await kubernetes().patchStatus(
    QUOTAS,
    { namespace, name: "few" },
    { type: "merge", merge: { status } },
    TEST,
    never,
  );
  const policy = {
    ...{ apiVersion: POLICIES.apiVersion, kind: POLICIES.kind, metadata: { name: "no-small-functions" } },
    spec: {
      matchConstraints: {
        resourceRules: [
          {
            ...{ apiGroups: ["serving.knative.dev"], apiVersions: ["*"], resources: ["services"] },
            operations: ["CREATE", "UPDATE"],
          },
        ],
        namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } },
      },
      validations: [{ expression: "false", message: "Payments Team: ask in #platform before you deploy" }],
    },
  };
  await kubernetes().apply(POLICIES, policy as never, TEST, never);
  const binding = {
    ...{ apiVersion: BINDINGS.apiVersion, kind: BINDINGS.kind, metadata: { name: "no-small-functions" } },
    spec: { policyName: "no-small-functions", validationActions: ["Deny"] },
  };
  await kubernetes().apply(BINDINGS, binding as never, TEST, never);
  await using test = await deployer();
  const name = freshName();
  const desired = wish(name, [revision(1, { org: "limited", name })], { org: "limited" });
  // The API server takes up quotas and policies some moments later.
  const refused = await waitFor(
    "the quota and the policy",
    async () => {
      const found = await test.engine.check(desired, never);
      return new Set(found.refused.map(({ code }) => code)).size === 2 ? found.refused : undefined;
    },
    { timeoutMs: 30_000, everyMs: 200 },
  );
  const words = refused.map(({ code, message }) => `${code}: ${message}`).join("\n");
  expect(words).toMatch(
    /quota_exceeded: .*exceeded quota: few, requested: count\/secrets=1, used: count\/secrets=0, limited: count\/secrets=0/,
  );
  expect(words).toMatch(
    /object_rejected: .*ValidatingAdmissionPolicy 'no-small-functions'.*denied request: Payments Team: ask in #platform before you deploy/,
  );
  expect(await find(SERVICES, name, namespace)).toBeUndefined();
});

it("what is wrong before the cluster is asked is told the same way: names, secrets, what is somebody else's", async () => {
  await organisation("mixed");
  const missing = new PlatformError("missing_secret", "no such secret");
  await using test = await deployer({ resolveSecrets: () => Promise.reject(missing) });
  const check = async (name: string, more = {}) => {
    const found = await test.engine.check(
      wish(name, [revision(1, { org: "mixed", name, ...more })], { org: "mixed" }),
      never,
    );
    return found.refused.map(({ code, message }) => `${code}: ${message}`);
  };
  expect(await check("f".repeat(41))).toEqual([
    expect.stringMatching(/^unsupported: .*it has 41 characters/),
  ]);
  expect(await check(freshName(), { secrets: { KEY: "absent" } })).toEqual([
    "missing_secret: the secret absent does not exist",
  ]);
  const taken = freshName();
  const spec = { template: { spec: { containers: [{ image: IMAGE }] } } };
  const service = {
    apiVersion: SERVICES.apiVersion,
    kind: "Service",
    metadata: { name: taken, namespace: `${HOME}-mixed` },
    spec,
  };
  await kubernetes().apply(SERVICES, service as never, TEST, never);
  expect(await check(taken)).toEqual([expect.stringMatching(/^conflict: .*is not the platform's/)]);
  const foreign = { apiVersion: "v1", kind: "Namespace", metadata: { name: `${HOME}-theirs` } };
  await kubernetes().apply(NAMESPACES, foreign, TEST, never);
  const name = freshName();
  const found = await test.engine.check(
    wish(name, [revision(1, { org: "theirs", name })], { org: "theirs" }),
    never,
  );
  expect(found.refused).toMatchObject([{ code: "conflict" }]);
});

it("an update is tried on what is there, and leaves it as it is", async () => {
  await using test = await deployer();
  const name = freshName();
  const first = { ...revision(1, { name, percent: 100 }), proven: true };
  await test.engine.apply(wish(name, [first]), never);
  await there(SERVICES, name);
  await makeRevision(name);
  await waitFor("ready", () => test.engine.status(first.ref)?.state === "ready");
  const before = await there(SERVICES, name);
  const scaling = { ...wish(name, []).scaling, maxInstances: 3 };
  const found = await test.engine.check(wish(name, [first, revision(2, { name })], { scaling }), never);
  expect(found).toEqual({ refused: [], warnings: [] });
  const after = await there(SERVICES, name);
  // What the deployer itself does once a revision is ready, such as pinning the traffic, may come in between.
  expect(after.spec.template).toEqual(before.spec.template);
  expect(after.spec.template.metadata?.name).toBe(`${name}-00001`);
  expect(JSON.stringify(after.spec.traffic)).not.toContain(`${name}-00002`);
  expect(test.published).toHaveLength(1);
});
