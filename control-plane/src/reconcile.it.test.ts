import { revisionRef } from "@hanzo-fn/engine";
import { waitFor } from "@hanzo-fn/testkit";
import { expect, it } from "vitest";
import { createReconciler } from "./reconcile.ts";
import { deploy, request, startApi, testControl, type TestControl, yaml } from "./test-setup.ts";

const never = new AbortController().signal;

async function put(test: TestControl, name: string, content: string, noTraffic = false) {
  return deploy(test.control, await request(test, yaml(name, `/${name}`), content, { noTraffic }));
}

async function inState(test: TestControl, name: string, number: number, state: string) {
  return waitFor(`${name} ${number} ${state}`, async () => {
    const row = await test.store.revisions.get("acme", name, number);
    return row?.state === state ? row : undefined;
  });
}

async function percents(test: TestControl, name: string): Promise<number[]> {
  return (await test.store.revisions.list("acme", name)).map(({ percent }) => percent).toReversed();
}

it("tries again until the engine takes the wish, and tells the proxies only then", async () => {
  await using test = await testControl();
  await put(test, "f", "one");
  let left = 3;
  test.deployer.onApply = () =>
    left-- > 0 ? Promise.reject(new Error("engine is away")) : Promise.resolve();
  await test.reconciler.kick("acme", "f");
  expect(test.deployer.applied).toHaveLength(4);
  expect(test.refreshed).toEqual(["acme/f"]);
  expect(
    test.log.lines.filter(({ msg }) => msg === "reconcile failed").map(({ fields }) => fields["attempt"]),
  ).toEqual([1, 2, 3]);
});

it("wishes for all revisions but the failed ones, and says which need no proof", async () => {
  await using test = await testControl();
  for (const content of ["one", "two", "three"]) await put(test, "f", content);
  await test.store.withTransaction(async (tx) => {
    await tx.revisions.observe("acme", "f", 1, { state: "ready" });
    await tx.revisions.observe("acme", "f", 2, { state: "failed" });
  });
  await test.reconciler.kick("acme", "f");
  const [desired] = test.deployer.applied;
  expect(desired?.revisions.map(({ ref, proven }) => [ref.name, proven])).toEqual([
    ["f-00003", false],
    ["f-00001", true],
  ]);
});

it("wishes for what an engine needs of a manifest besides the code", async () => {
  await using test = await testControl();
  const more = 'network: {egress: ["https://a.example"]}\n';
  await deploy(test.control, await request(test, yaml("f", "/f", more), "one"));
  await test.store.withTransaction((tx) =>
    tx.revisions.observe("acme", "f", 1, { state: "ready", imageDigest: "sha256:1" }),
  );
  await test.reconciler.kick("acme", "f");
  const row = await test.store.revisions.get("acme", "f", 1);
  expect(test.deployer.applied.at(-1)).toMatchObject({
    egress: ["https://a.example"],
    revisions: [{ version: "1.0.0", imageDigest: "sha256:1", createdAtMs: row?.createdAt.getTime() }],
  });
});

it("writes down what an engine waits for, and the image that it runs", async () => {
  await using test = await testControl();
  await test.reconciler.start(never);
  await put(test, "f", "one");
  const status = {
    ref: revisionRef("acme", "f", 1),
    state: "starting",
    instances: [],
    phasesMs: {},
  } as const;
  test.deployer.report({ ...status, warnings: [], image: "r/f@sha256:1" });
  await inState(test, "f", 1, "starting");
  test.deployer.report({ ...status, warnings: ["unschedulable: no GPU"] });
  const row = await waitFor("the warning", async () => {
    const found = await test.store.revisions.get("acme", "f", 1);
    return found?.warnings.length === 1 ? found : undefined;
  });
  expect(row).toMatchObject({ imageDigest: "sha256:1", warnings: ["unschedulable: no GPU"] });
});

it("tells the engine which functions there are, also of one that it does not take", async () => {
  await using test = await testControl();
  await put(test, "f", "one");
  await put(test, "g", "one");
  test.deployer.onApply = ({ function: name }) =>
    name === "g" && test.deployer.retained.length === 0 ? Promise.reject(new Error("no")) : Promise.resolve();
  await test.reconciler.start(never);
  expect(test.deployer.retained).toEqual([["acme/f", "acme/g"]]);
});

it("looks again at the functions that name a secret when its value changes", async () => {
  await using test = await testControl();
  const values = new Map<string, string>();
  const secrets = {
    list: () => Promise.resolve([]),
    set: (_org: string, name: string, value: string) => Promise.resolve(void values.set(name, value)),
    unset: (_org: string, name: string) => Promise.resolve(values.delete(name)),
  };
  await using api = await startApi({ ...test, control: { ...test.control, secrets } });
  const named = yaml("f", "/f", "secrets: [{name: known, env: K}]\n");
  await deploy(test.control, await request(test, named, "one"));
  await put(test, "g", "one");
  await test.reconciler.start(never);
  for (const method of ["PUT", "DELETE"]) {
    test.deployer.applied.splice(0);
    const init = {
      method,
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ value: "v" }),
    };
    expect((await api.call("/v1/secrets/known", init)).status).toBe(204);
    await waitFor("the look", () => test.deployer.applied.length > 0);
    expect(test.deployer.applied.map((desired) => desired.function)).toEqual(["f"]);
  }
});

it("takes a status of a function that is not there as nothing, and the same one later as news", async () => {
  await using test = await testControl();
  await test.reconciler.start(never);
  test.deployer.tell("f", 1, "ready");
  await put(test, "f", "one", true);
  await test.reconciler.settled("acme", "f");
  test.deployer.tell("f", 1, "ready");
  await inState(test, "f", 1, "ready");
  expect(test.log.lines.filter(({ level }) => level === "error" || level === "warn")).toEqual([]);
});

it("removes a function that was deleted while the engine was taking it", async () => {
  await using test = await testControl();
  await put(test, "f", "one");
  const gate = Promise.withResolvers<void>();
  const entered = Promise.withResolvers<void>();
  test.deployer.onApply = () => {
    entered.resolve();
    return gate.promise;
  };
  const first = test.reconciler.kick("acme", "f");
  await entered.promise;
  await test.store.withTransaction((tx) => tx.functions.delete("acme", "f"));
  const second = test.reconciler.kick("acme", "f");
  expect(test.deployer.removed).toEqual([]);
  gate.resolve();
  await Promise.all([first, second]);
  expect(test.deployer.removed).toEqual(["acme/f"]);
  expect(test.deployer.applied).toHaveLength(1);
});

it("gives a revision that becomes ready the traffic where it follows the latest", async () => {
  await using test = await testControl();
  await test.reconciler.start(never);
  await put(test, "f", "one");
  test.deployer.tell("f", 1, "building");
  await inState(test, "f", 1, "building");
  expect(await percents(test, "f")).toEqual([0]);
  test.deployer.tell("f", 1, "ready");
  expect(await inState(test, "f", 1, "ready")).toMatchObject({ percent: 100, phasesMs: { build: 3 } });
  await put(test, "f", "two");
  test.deployer.tell("f", 2, "ready");
  await inState(test, "f", 2, "ready");
  expect(await percents(test, "f")).toEqual([0, 100]);
  await waitFor("the engine hears of the split", () =>
    test.deployer.applied.at(-1)?.revisions.some(({ ref, percent }) => ref.number === 2 && percent === 100),
  );
});

it("leaves a split that the user made as it is", async () => {
  await using test = await testControl();
  await test.reconciler.start(never);
  await put(test, "f", "one");
  test.deployer.tell("f", 1, "ready");
  await inState(test, "f", 1, "ready");
  await put(test, "f", "two", true);
  test.deployer.tell("f", 2, "ready");
  await inState(test, "f", 2, "ready");
  expect(await percents(test, "f")).toEqual([100, 0]);
});

it("an older revision that is ready late takes nothing from a newer one", async () => {
  await using test = await testControl();
  await test.reconciler.start(never);
  await put(test, "f", "one");
  test.deployer.tell("f", 1, "starting");
  await inState(test, "f", 1, "starting");
  await put(test, "f", "two");
  test.deployer.tell("f", 2, "ready");
  await inState(test, "f", 2, "ready");
  test.deployer.tell("f", 1, "ready");
  await inState(test, "f", 1, "ready");
  expect(await percents(test, "f")).toEqual([0, 100]);
});

it("a revision that is replaced before it was built has failed, is taken from the engine, and says so", async () => {
  await using test = await testControl();
  await test.reconciler.start(never);
  await put(test, "f", "one");
  test.deployer.tell("f", 1, "building");
  await inState(test, "f", 1, "building");
  await put(test, "f", "two");
  const replaced = await inState(test, "f", 1, "failed");
  expect(replaced.failure).toEqual({
    code: "conflict",
    message: "replaced by f-00002 before it was built",
    logTail: [],
  });
  // The reconciler hears of it a moment after the row is written.
  await expect.poll(() => test.deployer.applied.at(-1)?.revisions.map(({ ref }) => ref.number)).toEqual([2]);
});

it("writes a failure down with its reason, and no later state over it or over ready", async () => {
  await using test = await testControl();
  await test.reconciler.start(never);
  await put(test, "f", "one");
  test.deployer.tell("f", 1, "ready");
  await inState(test, "f", 1, "ready");
  await put(test, "f", "two");
  test.deployer.tell("f", 2, "failed", "no such module");
  const failed = await inState(test, "f", 2, "failed");
  expect(failed.failure).toMatchObject({ code: "build_failed", message: "no such module" });
  test.deployer.tell("f", 2, "building");
  test.deployer.tell("f", 1, "failed", "crash loop");
  await put(test, "f", "three");
  test.deployer.tell("f", 3, "building");
  await inState(test, "f", 3, "building");
  expect((await test.store.revisions.list("acme", "f")).map(({ state }) => state)).toEqual([
    "building",
    "failed",
    "ready",
  ]);
  expect(await percents(test, "f")).toEqual([100, 0, 0]);
});

it("after a restart applies everything and goes on from what the rows say", async () => {
  await using test = await testControl();
  await put(test, "f", "one");
  await put(test, "g", "one");
  await test.reconciler.start(never);
  await test.reconciler.stop(0);
  test.deployer.applied.splice(0);
  const next = createReconciler(test.parts);
  await next.start(never);
  expect(new Set(test.deployer.applied.map((desired) => desired.function))).toEqual(new Set(["f", "g"]));
  test.deployer.tell("f", 1, "ready");
  expect(await inState(test, "f", 1, "ready")).toMatchObject({ percent: 100 });
  await next.stop(0);
});

it("starts although one function cannot be applied, and keeps trying that one", async () => {
  await using test = await testControl();
  await put(test, "bad", "one");
  await put(test, "good", "one");
  let broken = true;
  test.deployer.onApply = (desired) =>
    broken && desired.function === "bad" ? Promise.reject(new Error("no")) : Promise.resolve();
  await test.reconciler.start(never);
  expect(test.deployer.applied.map((desired) => desired.function)).toContain("good");
  broken = false;
  await waitFor("the other one", () => test.refreshed.includes("acme/bad"));
});

it("looks at what another process changed", async () => {
  await using test = await testControl();
  await test.reconciler.start(never);
  await put(test, "f", "one");
  await waitFor("the wish", () => test.deployer.applied.some((desired) => desired.function === "f"));
});

it("lets a waiter go at a change, at its time and at its abort", async () => {
  await using test = await testControl();
  await put(test, "f", "one");
  await test.reconciler.changed("acme", "f", 1, never);
  const aborting = new AbortController();
  const waiting = test.reconciler.changed("acme", "f", 60_000, aborting.signal);
  aborting.abort();
  await waiting;
  const changed = test.reconciler.changed("acme", "f", 60_000, never);
  await test.reconciler.kick("acme", "f");
  await changed;
});
