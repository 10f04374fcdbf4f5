import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { revisionRef, type DesiredRevision } from "@hanzo-fn/engine";
import { pushRuntimeImages } from "@hanzo-fn/images";
import { systemClock } from "@hanzo-fn/lifecycle";
import { createRegistry, generateKeyPair, httpTransport, type Layout } from "@hanzo-fn/oci";
import { waitFor } from "@hanzo-fn/testkit";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type BadInput, BUDGET, openBadInput, writeBase } from "./bad-input.ts";
import type { DaemonControl } from "./open.ts";
import { BOOT_MS } from "./test-support.ts";

const ORG = "home";
const PREFIX = "bad-images";
const never = new AbortController().signal;

let on: BadInput;
let daemons: DaemonControl;

beforeAll(async () => {
  on = await openBadInput({ prefix: PREFIX });
}, BOOT_MS);
afterAll(() => on?.[Symbol.asyncDispose](), 60_000);
beforeEach((ctx) => {
  if (on.cluster.daemons === undefined)
    return ctx.skip("only a cluster of ours lets its registry be stopped");
  daemons = on.cluster.daemons;
});
afterEach(async () => {
  on.registry.heal();
  on.publishWith(undefined);
  await on.neighbourAnswered();
});

async function becomesReady(one: DesiredRevision): Promise<void> {
  await on.reaches(one, "ready");
  expect(await on.call(one)).toEqual({ status: 200, text: `hello ${ORG} from ${one.ref.name}\n` });
}
const second = (name: string): DesiredRevision => on.revision(ORG, name, { ref: revisionRef(ORG, name, 2) });

async function instancesOfNeighbour(): Promise<string[]> {
  const labels = "functions.hanzo.ai/function=neighbour";
  const ready = '{range .items[?(@.status.containerStatuses[0].ready==true)]}{.metadata.name}{"\\n"}{end}';
  const args = ["get", "pods", "-n", `${PREFIX}-next-door`, "-l", labels, "-o", `jsonpath=${ready}`];
  return (await on.cluster.kubectl(args)).split("\n").filter((name) => name !== "");
}

describe("bad input: registry down", () => {
  test("a deploy says so and goes on once it is there; meanwhile the neighbour is answered, and started on the node that has its image", async () => {
    const one = on.revision(ORG, "down");
    on.registry.inject({ fault: { kind: "answer", status: 503 } });
    await daemons.stop("registry");
    try {
      await on.wish(one);
      expect(await on.warns(one, "registry_unreachable")).toContain("/v2/");
      const before = new Set(await instancesOfNeighbour());
      const deployment = ["deployment/neighbour-00001-deployment", "-n", `${PREFIX}-next-door`];
      await on.cluster.kubectl(["rollout", "restart", ...deployment]);
      const another = async (): Promise<boolean> =>
        (await instancesOfNeighbour()).some((name) => !before.has(name));
      await waitFor("another instance of the neighbour", another, BUDGET);
      await on.neighbourAnswered();
    } finally {
      await daemons.start("registry");
      on.registry.heal();
    }
    await becomesReady(one);
  });

  test("a node that cannot pull is told as that, and the function starts once it is back", async () => {
    const one = on.revision(ORG, "unpulled");
    const publisher = await on.publisher("unpulled", `, layout: "${join(on.folder, "bases")}"`);
    on.publishWith(async (revision, signal) => {
      const published = await publisher.publish(revision, signal);
      await daemons.stop("registry");
      return published;
    });
    try {
      await on.wish(one);
      expect(await on.warns(one, "image_pull_failed")).toContain(
        "cannot be reached from the cluster's nodes",
      );
      await on.neighbourAnswered();
    } finally {
      await daemons.start("registry");
    }
    await becomesReady(one);
  });
});

describe("bad input: registry slow", () => {
  test("one that takes a function's image and says nothing holds up that function alone", async () => {
    const slow = on.revision(ORG, "slow");
    const quick = on.revision(ORG, "quick");
    on.registry.inject({ path: /\/home\/slow\//, fault: { kind: "silent" } });
    await on.wish(slow);
    const asked = (): boolean => on.registry.requests.some(({ line }) => line.includes("/home/slow/"));
    await waitFor("the silence", asked, BUDGET);
    await on.wish(quick);
    await becomesReady(quick);
    expect(on.engine.status(slow.ref)?.state).toBe("building");
    await on.engine.remove({ org: ORG, function: "slow" }, never);
  });
});

describe("bad input: registry refusing auth", () => {
  test("the deploy fails at once and says whose credentials to mend; with good ones the next deploy goes through", async () => {
    const one = on.revision(ORG, "refused");
    on.registry.inject({ fault: { kind: "answer", status: 403 } });
    await on.wish(one);
    const { failure } = await on.reaches(one, "failed");
    expect(failure).toMatchObject({ code: "registry_refused" });
    expect(failure?.message).toMatch(/refuses to .*\(403\).*docker login registry\.local:5000/);
    await on.neighbourAnswered();
    on.registry.heal();
    await on.wish(second("refused"));
    await becomesReady(second("refused"));
  });
});

/** Takes the last layer of a published image out of the registry, as a disk that lost a file. */
async function loseLayer(image: string): Promise<void> {
  const [name = "", digest = ""] = image.split("@");
  const repository = name.slice(name.indexOf("/") + 1);
  const at = `${on.cluster.registry.outside}/v2/${repository}`;
  const accept = { accept: "application/vnd.oci.image.manifest.v1+json" };
  const manifest = await fetch(`${at}/manifests/${digest}`, { headers: accept });
  const { layers } = (await manifest.json()) as { layers: { digest: string }[] };
  const lost = await fetch(`${at}/blobs/${layers.at(-1)?.digest}`, { method: "DELETE" });
  expect(lost.status).toBe(202);
}

describe("bad input: registry losing blobs midway", () => {
  test("an upload whose connection breaks, and a blob that is gone when the manifest comes, are sent again", async () => {
    const one = on.revision(ORG, "broken-upload");
    const upload = /broken-upload\/blobs\/uploads/;
    on.registry.inject({
      method: "PUT",
      path: upload,
      times: 1,
      fault: { kind: "cut-within", afterBytes: 1000 },
    });
    on.registry.inject({ method: "PUT", path: upload, after: 1, times: 1, fault: { kind: "lose-answer" } });
    await on.wish(one);
    await becomesReady(one);
  });

  test("a layer that is lost after the push is told, and the next deploy sends it again", async () => {
    const one = on.revision(ORG, "lost");
    const publisher = await on.publisher("lost", `, layout: "${join(on.folder, "bases")}"`);
    on.publishWith(async (revision, signal) => {
      const published = await publisher.publish(revision, signal);
      await loseLayer(published.image);
      return published;
    });
    await on.wish(one);
    const { failure } = await on.reaches(one, "failed");
    expect(failure).toMatchObject({
      code: "image_pull_failed",
      message: expect.stringContaining("deploy again"),
    });
    on.publishWith(publisher.publish);
    await on.wish(second("lost"));
    await becomesReady(second("lost"));
  });
});

describe("bad input: an image that cannot start", () => {
  test("a program that ends is told with its exit code and its last lines", async () => {
    const one = on.revision(ORG, "ends", { environment: { FAIL: "the model is not there" } });
    await on.wish(one);
    const { failure } = await on.reaches(one, "failed");
    expect(failure).toMatchObject({ code: "load_failed", logTail: ["the model is not there"] });
    expect(failure?.message).toContain("exited with code 3");
  });

  test("a program that the node cannot execute is told in the node's words", async () => {
    const file = join(on.folder, "no-program");
    await writeFile(file, "these are words, not a program\n");
    const image = await on.cluster.pushProgram("no-program", file);
    on.publishWith(() => Promise.resolve({ image, phasesMs: {}, warnings: [] }));
    const one = on.revision(ORG, "words");
    await on.wish(one);
    const { failure } = await on.reaches(one, "failed");
    expect(failure).toMatchObject({
      code: "load_failed",
      message: expect.stringContaining("exec format error"),
    });
  });
});

describe("bad input: an unsigned or re-tagged base image", () => {
  const { publicKey, privateKey } = generateKeyPair();

  /** Brings a base into the registry, as an administrator does. */
  async function push(layout: Layout, pem?: string): Promise<string> {
    const { inside, outside } = on.cluster.registry;
    const parts = { host: inside, transport: httpTransport(), clock: systemClock, log: on.log };
    const registry = createRegistry(parts, { url: new URL(outside) });
    const signingKey = pem === undefined ? undefined : { pem };
    const target = { registry, prefix: on.registryPath("trust"), runtimes: ["go" as const], signingKey };
    const [pushed] = await pushRuntimeImages(layout, target, never);
    return pushed?.digest ?? "";
  }
  async function refused(name: string): Promise<string> {
    const one = on.revision(ORG, name);
    await on.wish(one);
    const { failure } = await on.reaches(one, "failed");
    expect(failure?.code).toBe("image_untrusted");
    return failure?.message ?? "";
  }

  test("nothing is built on one, and functions on the right one are deployed", async () => {
    const base = await writeBase(join(on.folder, "bases"));
    const digest = await push(base);
    const key = join(on.folder, "cosign.pub");
    await writeFile(key, publicKey);
    const settings = `, signing_keys: ["${key}"], base_digests: {go: "${digest}"}`;
    on.publishWith((await on.publisher("trust", settings)).publish);
    expect(await refused("on-unsigned")).toContain("it has no signature");
    await on.neighbourAnswered();
    const other = await push(await writeBase(join(on.folder, "others"), "somebody else"), privateKey);
    const words = await refused("on-retagged");
    expect(words).toContain(digest);
    expect(words).toContain(other);
    expect(await push(base, privateKey)).toBe(digest);
    const one = on.revision(ORG, "on-trusted");
    await on.wish(one);
    await becomesReady(one);
  });
});
