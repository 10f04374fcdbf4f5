import { sourceKey } from "@hanzo-fn/blobs";
import { describe, expect, it } from "vitest";
import { deploy, request, testControl, yaml } from "./test-setup.ts";

const F = yaml("f", "/f");

describe("modes", () => {
  it("create refuses a function that exists, update one that does not, upsert takes both", async () => {
    await using test = await testControl();
    const create = await request(test, F, "one", { mode: "create" });
    const update = await request(test, F, "two", { mode: "update" });
    await expect(deploy(test.control, update)).rejects.toMatchObject({ code: "not_found" });
    expect(await test.store.loadFunction("acme", "f")).toBeUndefined();
    expect(await deploy(test.control, create)).toMatchObject({ created: true, newRevision: true });
    await expect(deploy(test.control, create)).rejects.toMatchObject({ code: "conflict" });
    expect(await deploy(test.control, update)).toMatchObject({ created: false, newRevision: true });
    const upsert = await request(test, F, "three");
    expect((await deploy(test.control, upsert)).revision.number).toBe(3);
    expect(await deploy(test.control, await request(test, yaml("g", "/g"), "one"))).toMatchObject({
      created: true,
    });
  });

  it("create needs a source", async () => {
    await using test = await testControl();
    const bare = await request(test, F, undefined);
    await expect(deploy(test.control, bare)).rejects.toMatchObject({ code: "bad_request" });
    expect(await test.store.loadFunction("acme", "f")).toBeUndefined();
  });

  it("without traffic leaves the split to the user", async () => {
    await using test = await testControl();
    const result = await deploy(test.control, await request(test, F, "one", { noTraffic: true }));
    expect(result.function.trafficMode).toBe("split");
  });
});

describe("a redeploy", () => {
  it("of the same content returns the current revision, in whatever order its keys come back", async () => {
    await using test = await testControl();
    const text = (environment: string) =>
      yaml(
        "f",
        "/f",
        `environment: {${environment}}\nscaling: {min_instances: 1, max_instances: 3, scale_down_delay: 40s}\nsecrets: [{name: known, env: K}]\nnetwork: {egress: ["https://a.example"]}\ndescription: first\n`,
      );
    await deploy(test.control, await request(test, text('ZED: "1", A: "2", MIDDLE_ONE: "3"'), "one"));
    const again = await request(test, text('MIDDLE_ONE: "3", ZED: "1", A: "2"'), "one");
    expect(await deploy(test.control, again)).toMatchObject({
      created: false,
      newRevision: false,
      changed: [],
      revision: { number: 1 },
    });
  });

  it("names what applied at once, and makes no revision for it", async () => {
    await using test = await testControl();
    await deploy(test.control, await request(test, F, "one"));
    const changed = yaml("f", "/other", "scaling: {max_instances: 4}\ndescription: new\n");
    const result = await deploy(test.control, await request(test, changed, undefined));
    expect(result).toMatchObject({
      newRevision: false,
      changed: ["description", "scaling", "triggers"],
      function: { description: "new", scaling: { maxInstances: 4 } },
    });
    const routes = await test.store.httpRoutes.listOf("acme", "f");
    expect(routes.map(({ path, method }) => `${method} ${path}`)).toEqual(["POST /other"]);
  });

  it("of the manifest alone keeps the source of the newest revision", async () => {
    await using test = await testControl();
    const first = await deploy(test.control, await request(test, F, "one"));
    const text = yaml("f", "/f", "resources: {timeout: 5s}\n");
    const second = await deploy(test.control, await request(test, text, undefined));
    expect(second.revision).toMatchObject({ number: 2, sourceDigest: first.revision.sourceDigest });
    expect(second.changed).toEqual([]);
    expect(await test.blobs.head(sourceKey("acme", first.revision.sourceDigest))).toMatchObject({ size: 3 });
  });

  it("after a failure makes a new revision of the same content", async () => {
    await using test = await testControl();
    const same = await request(test, F, "one");
    await deploy(test.control, same);
    await test.store.withTransaction((tx) => tx.revisions.observe("acme", "f", 1, { state: "failed" }));
    expect(await deploy(test.control, same)).toMatchObject({ newRevision: true, revision: { number: 2 } });
  });

  it("back to the content before is a new revision: history is not rewritten", async () => {
    await using test = await testControl();
    for (const content of ["one", "two", "one"]) await deploy(test.control, await request(test, F, content));
    expect((await test.store.revisions.list("acme", "f")).map(({ number }) => number)).toEqual([3, 2, 1]);
  });
});

describe("refusals", () => {
  it("list every secret that is missing, and leave nothing", async () => {
    await using test = await testControl();
    const secrets = "secrets: [{name: a, env: A}, {name: known, env: K}, {name: b, env: B}]\n";
    const wanted = await request(test, yaml("f", "/f", secrets), "one");
    await expect(deploy(test.control, wanted)).rejects.toMatchObject({
      code: "missing_secret",
      details: [{ value: "a" }, { value: "b" }],
    });
    expect(await test.store.loadFunction("acme", "f")).toBeUndefined();
    expect(await test.blobs.head(sourceKey("acme", wanted.source?.digest ?? ""))).toBeUndefined();
  });

  it("name the owner of a taken route where it is one's own, and roll everything back", async () => {
    await using test = await testControl();
    await deploy(test.control, await request(test, F, "one"));
    await deploy(test.control, await request(test, yaml("g", "/g"), "one"));
    const before = await test.store.loadFunction("acme", "g");
    const wanted = await request(test, yaml("g", "/f", "description: new\n"), "two");
    await expect(deploy(test.control, wanted)).rejects.toMatchObject({
      code: "route_conflict",
      details: [{ value: "POST /f", rule: "POST /f is taken by function f" }],
    });
    expect(await test.store.loadFunction("acme", "g")).toEqual(before);
    expect((await test.store.httpRoutes.listOf("acme", "g")).map(({ path }) => path)).toEqual(["/g"]);
    const fresh = await request(test, yaml("h", "/f"), "two");
    await expect(deploy(test.control, fresh)).rejects.toMatchObject({ code: "route_conflict" });
    expect(await test.store.loadFunction("acme", "h")).toBeUndefined();
  });

  it("do not tell whose a foreign route is", async () => {
    await using test = await testControl();
    await deploy(test.control, await request(test, F.replace("/f}", "/f, auth: none}"), "one"));
    const wanted = await request(test, yaml("theirs", "/f"), "one", { org: "other" });
    const error = await deploy(test.control, wanted).catch((refusal: unknown) => refusal);
    expect(error).toMatchObject({ code: "route_conflict", details: [{ rule: "POST /f is taken" }] });
    expect(JSON.stringify(error)).not.toContain("acme");
    expect(await test.store.loadFunction("other", "theirs")).toBeUndefined();
  });

  it("do not stand in the way of two organisations with one closed path", async () => {
    await using test = await testControl();
    await deploy(test.control, await request(test, F, "one"));
    const theirs = await deploy(test.control, await request(test, F, "one", { org: "other" }));
    expect(theirs).toMatchObject({ created: true, revision: { number: 1 } });
  });
});

describe("at the same time", () => {
  it("deploys of one function give consecutive revisions", async () => {
    await using test = await testControl();
    const wanted = await Promise.all(Array.from({ length: 12 }, (_, i) => request(test, F, `content ${i}`)));
    const results = await Promise.all(wanted.map((one) => deploy(test.control, one)));
    const numbers = results.map(({ revision }) => revision.number).toSorted((a, b) => a - b);
    expect(numbers).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
    expect(results.filter(({ created }) => created)).toHaveLength(1);
    const { function: row } = results.find(({ revision }) => revision.number === 12) ?? {};
    expect((await test.store.functions.get("acme", "f"))?.generation).toBe(row?.generation);
  });

  it("of two creations one wins", async () => {
    await using test = await testControl();
    const wanted = await request(test, F, "one", { mode: "create" });
    const results = await Promise.allSettled([deploy(test.control, wanted), deploy(test.control, wanted)]);
    expect(results.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
    expect(results.find(({ status }) => status === "rejected")).toMatchObject({
      reason: { code: "conflict" },
    });
  });
});
