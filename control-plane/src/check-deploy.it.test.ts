import { deployCheckSchema } from "@hanzo-fn/contract/api";
import { PlatformError } from "@hanzo-fn/contract";
import { sourceKey } from "@hanzo-fn/blobs";
import { describe, expect, it } from "vitest";
import { checkDeploy } from "./check-deploy.ts";
import { deploy, request, startApi, testControl, type TestControl, yaml } from "./test-setup.ts";

const F = yaml("f", "/f");
const never = new AbortController().signal;
const check = async (test: TestControl, text: string, content: string | undefined, more = {}) =>
  checkDeploy(test.control, await request(test, text, content, more), never);

describe("the check of a deploy", () => {
  it("says what a first deploy would make, and makes nothing", async () => {
    await using test = await testControl();
    const wanted = await request(test, F, "one");
    expect(await checkDeploy(test.control, wanted, never)).toEqual({
      ...{ function: "f", ok: true, created: true, new_revision: true, revision: "f-00001", changed: [] },
      ...{ traffic_mode: "latest", traffic: [{ revisionName: "f-00001", percent: 100 }] },
      ...{ warnings: [], problems: [] },
    });
    expect(await test.store.loadFunction("acme", "f")).toBeUndefined();
    expect(await test.blobs.head(sourceKey("acme", wanted.source?.digest ?? ""))).toBeUndefined();
    expect(test.deployer.applied).toEqual([]);
    expect((await deploy(test.control, wanted)).revision.number).toBe(1);
  });

  it("says what an update would change: a revision, the parts that apply at once, the traffic", async () => {
    await using test = await testControl();
    await deploy(test.control, await request(test, F, "one"));
    expect(await check(test, F, "one")).toMatchObject({
      new_revision: false,
      revision: "f-00001",
      changed: [],
    });
    const scaled = yaml("f", "/f", "scaling: {max_instances: 3}\n");
    expect(await check(test, scaled, "one")).toMatchObject({ new_revision: false, changed: ["scaling"] });
    expect(await check(test, F, "two")).toMatchObject({
      ...{ created: false, new_revision: true, revision: "f-00002" },
      traffic: [{ revisionName: "f-00002", percent: 100 }],
    });
    expect(await check(test, F, "two", { noTraffic: true })).toMatchObject({
      traffic_mode: "split",
      traffic: [],
    });
    const after = await test.store.loadFunction("acme", "f");
    expect(after?.revisions).toHaveLength(1);
    expect(after?.revisions[0]?.state).toBe("pending");
    expect(after?.function.trafficMode).toBe("latest");
    expect((await deploy(test.control, await request(test, F, "two"))).revision.number).toBe(2);
  });

  it("refuses what a deploy refuses: a secret that is not there, a route that is taken", async () => {
    await using test = await testControl();
    await deploy(test.control, await request(test, F, "one"));
    const secret = yaml("g", "/g", "secrets: [{name: absent, env: K}]\n");
    await expect(check(test, secret, "one")).rejects.toMatchObject({ code: "missing_secret" });
    await expect(check(test, yaml("g", "/f"), "one")).rejects.toMatchObject({ code: "route_conflict" });
    await expect(check(test, yaml("g", "/g"), undefined)).rejects.toMatchObject({ code: "bad_request" });
  });

  it("asks the engine with the wish as it would be, and passes its words on", async () => {
    await using test = await testControl();
    const asked: unknown[] = [];
    const words = 'admission webhook "x" denied the request: no';
    Object.assign(test.deployer, {
      check(desired: unknown) {
        asked.push(desired);
        const refused = [new PlatformError("object_rejected", words, { next: "ask x" })];
        return Promise.resolve({ refused, warnings: ["no namespace yet"] });
      },
    });
    expect(await check(test, F, "one")).toMatchObject({
      ok: false,
      warnings: ["no namespace yet"],
      problems: [{ code: "object_rejected", message: words, next: "ask x" }],
    });
    expect(asked).toMatchObject([{ org: "acme", function: "f", revisions: [{ ref: { number: 1 } }] }]);
  });
});

it("the API answers a check by its schema, and keeps no function", async () => {
  await using test = await testControl();
  await using api = await startApi(test);
  await deploy(test.control, await request(test, F, "one"));
  const form = new FormData();
  form.set("manifest", yaml("f", "/f", "scaling: {max_instances: 3}\n"));
  const answer = await api.call("/v1/check?name=f&no_traffic=true", { method: "POST", body: form });
  expect(answer.status).toBe(200);
  expect(deployCheckSchema.parse(await answer.json())).toMatchObject({
    changed: ["scaling"],
    new_revision: false,
  });
  const bad = new FormData();
  bad.set("manifest", "name: F!\n");
  const refused = await api.call("/v1/check", { method: "POST", body: bad });
  expect(refused.status).toBe(400);
  expect(await refused.json()).toMatchObject({ error: "invalid_manifest" });
});
