import { Secret } from "@hanzo-fn/contract";
import { waitFor } from "@hanzo-fn/testkit";
import { expect, it } from "vitest";
import { revisionRef } from "../../engine.ts";
import { functionWish, revision } from "../test-wishes.ts";
import { ACCOUNTS, NAMESPACES, POLICIES, REVISIONS, SECRETS, SERVICES } from "./kinds.ts";
import {
  deployer,
  find,
  freshName,
  HOME,
  IMAGE,
  kubernetes,
  makeRevision,
  never,
  server,
  templateOf,
  there,
  useKnativeApi,
  wish,
} from "./test-api.ts";

useKnativeApi();

it("makes everything that a function is, one revision after the other, and tells of each state once", async () => {
  await using test = await deployer();
  const name = freshName();
  const first = revision(1, { name, secrets: { KEY: "api/key" } });
  await test.engine.apply(wish(name, [first]), never);
  const service = await there(SERVICES, name);
  expect(service.spec.template.metadata?.name).toBe(`${name}-00001`);
  expect((await there(SECRETS, `fn-${name}`)).data).toEqual({
    "_api_-key": Buffer.from("value of api/key").toString("base64"),
  });
  expect((await there(SECRETS, `${name}-00001.gateway`)).data?.["token"]).toBe(
    Buffer.from(`token of hanzo/${name}-00001`).toString("base64"),
  );
  await there(ACCOUNTS, `fn-${name}`);
  await there(POLICIES, `fn-${name}`);
  await makeRevision(name);
  await waitFor("ready", () => test.engine.status(first.ref)?.state === "ready");
  expect(test.engine.status(first.ref)).toMatchObject({
    image: IMAGE,
    phasesMs: { build: 1, push: 2, start: expect.any(Number) },
  });
  const owned = async () =>
    (await find(ACCOUNTS, `fn-${name}`, HOME))?.metadata.ownerReferences?.[0]?.uid === service.metadata.uid;
  await waitFor("the owner", owned);
  const both = [{ ...first, percent: 100, proven: true }, revision(2, { name })];
  await test.engine.apply(wish(name, both), never);
  await waitFor("the second template", async () => (await templateOf(name)) === `${name}-00002`);
  expect((await there(SERVICES, name)).spec.traffic).toEqual([
    { revisionName: `${name}-00001`, percent: 100, tag: "rev1" },
  ]);
  await makeRevision(name);
  await waitFor("the second is ready", () => test.states(name).at(-1) === "2 ready");
  expect(test.states(name)).toEqual([
    "1 building",
    "1 starting",
    "1 ready",
    "2 building",
    "2 starting",
    "2 ready",
  ]);
  expect(test.published).toEqual([`hanzo/${name}-00001`, `hanzo/${name}-00002`]);
});

it("puts back what somebody deleted or edited, without publishing again", async () => {
  await using test = await deployer();
  const name = freshName();
  const first = revision(1, { name, percent: 100 });
  await test.engine.apply(wish(name, [first]), never);
  await there(SERVICES, name);
  await makeRevision(name);
  await waitFor("ready", () => test.engine.status(first.ref)?.state === "ready");
  for (const kind of [ACCOUNTS, POLICIES, SECRETS]) {
    const before = await there(kind, `fn-${name}`);
    await kubernetes().delete(kind, { namespace: HOME, name: `fn-${name}` }, {}, never);
    const isBack = async () => {
      const now = await find(kind, `fn-${name}`, HOME);
      return now !== undefined && now.metadata.uid !== before.metadata.uid;
    };
    await waitFor(`another ${kind.kind}`, isBack);
  }
  const relabel = { metadata: { labels: { "app.kubernetes.io/managed-by": "me" } } };
  await kubernetes().patch(
    POLICIES,
    { namespace: HOME, name: `fn-${name}` },
    { type: "merge", merge: relabel },
    {},
    never,
  );
  const label = async () =>
    (await find(POLICIES, `fn-${name}`, HOME))?.metadata.labels?.["app.kubernetes.io/managed-by"] ===
    "hanzo-functions";
  await waitFor("the label", label);
  const unlabel = { metadata: { labels: { "app.kubernetes.io/managed-by": null } } };
  const before = await there(SERVICES, name);
  await kubernetes().patch(SERVICES, { namespace: HOME, name }, { type: "merge", merge: unlabel }, {}, never);
  const again = async () =>
    (await find(SERVICES, name, HOME))?.metadata.labels?.["app.kubernetes.io/managed-by"] !== undefined;
  await waitFor("the Service's label", again);
  expect((await there(SERVICES, name)).metadata.uid).toBe(before.metadata.uid);
  await kubernetes().delete(REVISIONS, { namespace: HOME, name: `${name}-00001` }, {}, never);
  await kubernetes().delete(SERVICES, { namespace: HOME, name }, {}, never);
  await waitFor("the template", async () => (await templateOf(name)) === `${name}-00001`);
  expect(test.published).toHaveLength(1);
});

it("changes scaling in the live Revision, and the Secret where a value changed", async () => {
  let value = "old";
  await using test = await deployer({
    resolveSecrets: (_, names) => Promise.resolve(new Map(names.map((name) => [name, new Secret(value)]))),
  });
  const name = freshName();
  const first = revision(1, { name, percent: 100, secrets: { KEY: "key" } });
  await test.engine.apply(wish(name, [first]), never);
  await there(SERVICES, name);
  await makeRevision(name);
  await waitFor("ready", () => test.engine.status(first.ref)?.state === "ready");
  value = "new";
  await test.engine.apply(
    wish(name, [first], { scaling: { ...functionWish().scaling, maxInstances: 3 } }),
    never,
  );
  const scale = async () =>
    (await find(REVISIONS, `${name}-00001`, HOME))?.metadata.annotations?.[
      "autoscaling.knative.dev/max-scale"
    ] === "3";
  await waitFor("the scale", scale);
  const secret = await waitFor("the value", async () => {
    const found = await find(SECRETS, `fn-${name}`, HOME);
    return found?.data?.["key"] === Buffer.from("new").toString("base64") ? found : undefined;
  });
  expect(secret.metadata.annotations?.["functions.hanzo.ai/changed-at"]).toBeDefined();
  expect(await templateOf(name)).toBe(`${name}-00001`);
});

it("two organisations with a function of the same name have nothing in common", async () => {
  await using test = await deployer();
  const name = freshName();
  for (const org of ["acme", "Acme"]) {
    const one = revision(1, { org, name });
    await test.engine.apply(wish(name, [one], { org }), never);
  }
  const { items } = await waitFor("both", async () => {
    const list = await kubernetes().list(SERVICES, { fieldSelector: `metadata.name=${name}` }, never);
    return list.items.length === 2 ? list : undefined;
  });
  const namespaces = items.map(({ metadata }) => metadata.namespace).toSorted();
  expect(namespaces[0]).toBe("hanzo-functions-acme");
  expect(namespaces[1]).toMatch(/^hanzo-functions-acme--[a-z2-7]{26}$/);
});

it("takes over neither a namespace nor a Service that is somebody else's, and says how to go on", async () => {
  await using test = await deployer();
  const name = freshName();
  const foreign = { apiVersion: "v1", kind: "Namespace", metadata: { name: "hanzo-functions-taken" } };
  await kubernetes().apply(NAMESPACES, foreign, { fieldManager: "somebody" }, never);
  const there1 = revision(1, { org: "taken", name });
  await test.engine.apply(wish(name, [there1], { org: "taken" }), never);
  await waitFor("the first refusal", () => test.engine.status(there1.ref)?.state === "failed");
  expect(test.engine.status(there1.ref)?.failure).toMatchObject({
    code: "conflict",
    message: expect.stringContaining("kubectl label namespace"),
  });
  const spec = { template: { spec: { containers: [{ image: IMAGE }] } } };
  const service = {
    apiVersion: "serving.knative.dev/v1",
    kind: "Service",
    metadata: { name, namespace: HOME },
    spec,
  };
  const home = { apiVersion: "v1", kind: "Namespace", metadata: { name: HOME } };
  await kubernetes().apply(NAMESPACES, home, { fieldManager: "test" }, never);
  await kubernetes().apply(SERVICES, service as never, { fieldManager: "somebody" }, never);
  const mine = revision(1, { name });
  await test.engine.apply(wish(name, [mine]), never);
  await waitFor("the second refusal", () => test.engine.status(mine.ref)?.state === "failed");
  expect(test.engine.status(mine.ref)?.failure?.message).toContain("is not the platform's");
  expect((await there(SERVICES, name)).metadata.labels).toBeUndefined();
});

it("removes what the cluster has of functions that are no more, and nothing of another platform", async () => {
  const name = freshName();
  const foreign = {
    name: "stranger",
    namespace: "hanzo-functions-other",
    labels: {
      "app.kubernetes.io/managed-by": "hanzo-functions",
      "functions.hanzo.ai/function": "stranger",
    },
  };
  const other = { apiVersion: "v1", kind: "Namespace", metadata: { name: "hanzo-functions-other" } };
  await kubernetes().apply(NAMESPACES, other, { fieldManager: "test" }, never);
  await kubernetes().apply(
    ACCOUNTS,
    { apiVersion: "v1", kind: "ServiceAccount", metadata: foreign },
    { fieldManager: "test" },
    never,
  );
  {
    await using before = await deployer();
    await before.engine.apply(wish(name, [revision(1, { name })]), never);
    await there(SERVICES, name);
  }
  await using test = await deployer();
  const kept = freshName();
  await test.engine.apply(wish(kept, [revision(1, { name: kept })]), never);
  test.engine.retain([{ org: "hanzo", function: kept }]);
  // Nobody collects garbage here: the finalizer of a deletion in the foreground stays.
  await waitFor(
    "the deletion",
    async () => (await find(SERVICES, name, HOME))?.metadata.deletionTimestamp !== undefined,
  );
  const merge = { metadata: { finalizers: null } };
  await kubernetes().patch(SERVICES, { namespace: HOME, name }, { type: "merge", merge }, {}, never);
  await waitFor("its account to go", async () => (await find(ACCOUNTS, `fn-${name}`, HOME)) === undefined);
  await there(SERVICES, kept);
  expect(await find(ACCOUNTS, "stranger", "hanzo-functions-other")).toBeDefined();
});

it("a removal resolves once nothing is left, and the function can be made anew at once", async () => {
  await using test = await deployer();
  const name = freshName();
  await test.engine.apply(wish(name, [revision(1, { name })]), never);
  const before = await there(SERVICES, name);
  let isGone = false;
  const removed = test.engine.remove({ org: "hanzo", function: name }, never).then(() => (isGone = true));
  expect(test.engine.status(revisionRef("hanzo", name, 1))).toBeUndefined();
  await waitFor(
    "the deletion",
    async () => (await find(SERVICES, name, HOME))?.metadata.deletionTimestamp !== undefined,
  );
  await test.engine.apply(wish(name, [revision(1, { name })]), never);
  expect(isGone).toBe(false);
  const merge = { metadata: { finalizers: null } };
  await kubernetes().patch(SERVICES, { namespace: HOME, name }, { type: "merge", merge }, {}, never);
  await removed;
  const after = await there(SERVICES, name);
  expect(after.metadata.uid).not.toBe(before.metadata.uid);
});

it("goes on where it was when the API server comes back", async () => {
  await using test = await deployer();
  const name = freshName();
  await test.engine.apply(wish(name, [revision(1, { name })]), never);
  await there(SERVICES, name);
  await server().stop();
  const later = freshName();
  await test.engine.apply(wish(later, [revision(1, { name: later })]), never);
  await waitFor(
    "a look that fails",
    () =>
      test.engine
        .status(revisionRef("hanzo", later, 1))
        ?.warnings.join()
        .includes("cluster_unavailable"),
    { timeoutMs: 30_000 },
  );
  await server().start();
  await waitFor("the Service", () => find(SERVICES, later, HOME).catch(() => undefined), {
    timeoutMs: 60_000,
  });
});

it("of two processes one writes, and the other goes on when it ends", async () => {
  const lease = { namespace: "hanzo", name: "deployer-test", leaseMs: 3000, renewMs: 2000, retryMs: 200 };
  await using second = await deployer({}, { leader: { ...lease, identity: "second" } });
  const name = freshName();
  {
    await using first = await deployer({}, { leader: { ...lease, identity: "first" } });
    for (const { engine } of [first, second]) await engine.apply(wish(name, [revision(1, { name })]), never);
    await there(SERVICES, name);
    expect(first.published.length + second.published.length).toBe(1);
    await (first.published.length === 1 ? first : second).engine.stop(0);
    const later = freshName();
    for (const { engine } of [first, second])
      await engine.apply(wish(later, [revision(1, { name: later })]), never);
    await waitFor("the other", () => find(SERVICES, later, HOME), { timeoutMs: 20_000 });
    expect(first.published.length > 0 && second.published.length > 0).toBe(true);
  }
});
