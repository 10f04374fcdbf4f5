import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Layout, RUNTIME_IMAGES } from "@hanzo-fn/oci";
import { needsServer, startDockerRegistry, startFakeRegistry, tempDir } from "@hanzo-fn/testkit";
import { beforeEach, describe, expect, it } from "vitest";
import { clientOf, imageAt, openUnderTest, runtimeImages, type Source } from "../test/images-under-test.ts";

const signal = AbortSignal.timeout(600_000);
const SIX = { "six.py": "version = 1\n" };
const hello = (text = "hello"): Source => ({ code: { "handler.py": text }, dependencies: SIX });

beforeEach((ctx) => needsServer(ctx, "docker-registry"));

/** A registry behind one that can fail, the runtime images in a layout, and a platform that publishes. */
async function openPlace(more = "") {
  const server = await startDockerRegistry();
  const faulty = await startFakeRegistry(server);
  const folder = await tempDir();
  const layout = await runtimeImages(join(folder.path, "bases"), "one");
  const config = `{registry: "${faulty.host}/fns", layout: "${layout.root}"${more}}`;
  const test = await openUnderTest(config);
  const registry = clientOf(faulty.host);
  /** What was asked of the registry since the last call that changes something in it. */
  let seen = 0;
  const changes = (): string[] => {
    const lines = faulty.requests.slice(seen).map(({ line }) => line);
    seen = faulty.requests.length;
    return lines.filter((line) => !line.startsWith("GET") && !line.startsWith("HEAD"));
  };
  return {
    ...{ server, faulty, folder, layout, test, registry, changes },
    async [Symbol.asyncDispose]() {
      for (const part of [test, faulty, server, folder]) await part[Symbol.asyncDispose]();
    },
  };
}

async function layersOf(layout: Layout): Promise<string[]> {
  const found = await layout.find(RUNTIME_IMAGES.python);
  return found?.manifest.layers.map(({ digest }) => digest) ?? [];
}

describe("publishing", () => {
  it("puts dependencies and code over the base, by digest, and says how to call it", async () => {
    await using place = await openPlace();
    const { test, registry, layout, faulty } = place;
    const { image, phasesMs, warnings } = await test.publish("hello", hello());
    expect(image).toMatch(new RegExp(`^${faulty.host}/fns/acme/hello@sha256:[0-9a-f]{64}$`));
    expect(Object.keys(phasesMs)).toEqual(["verify", "build", "base", "assemble", "push"]);
    expect(warnings).toEqual([]);
    const { manifest, config, repository } = await imageAt(registry, image);
    const own = manifest.layers.map(({ digest }) => digest).slice((await layersOf(layout)).length);
    expect(manifest.layers.map(({ digest }) => digest)).toEqual([...(await layersOf(layout)), ...own]);
    expect(own).toHaveLength(2);
    expect(config.config).toMatchObject({
      Env: [
        "PORT=8080",
        "HANZO_FN_SOURCE=/app",
        "HANZO_FN_ENTRY=handler.run",
        "HANZO_FN_PATHS=/opt/deps/own",
      ],
      WorkingDir: "/app",
      Labels: { "org.opencontainers.image.title": "hello" },
    });
    expect(await registry.listTags(repository, signal)).toEqual([
      expect.stringMatching(/^00001-[0-9a-f]{12}$/),
    ]);
    expect((await readdir(join(test.folder, "images"))).toSorted()).toEqual(["layers", "published"]);
  });

  it("a second time builds and sends nothing, also after a restart and for another revision", async () => {
    await using place = await openPlace();
    const { test, changes } = place;
    const first = await test.publish("hello", hello());
    changes();
    const again = await test.publish("hello", hello(), { number: 2 });
    const restarted = await test.restart();
    const after = await restarted.publish(test.revision("hello", hello()), signal);
    expect([again.image, after.image]).toEqual([first.image, first.image]);
    expect(Object.keys(again.phasesMs)).toEqual(["check"]);
    expect([changes(), test.built]).toEqual([[], ["hello-00001"]]);
  });

  it("the same inputs give the same digest, whoever builds them and wherever", async () => {
    await using place = await openPlace();
    await using other = await openUnderTest(
      `{registry: "${place.faulty.host}/fns", layout: "${place.layout.root}"}`,
    );
    const { image } = await place.test.publish("hello", hello());
    place.changes();
    expect((await other.publish("hello", hello())).image).toBe(image);
    expect(place.changes()).toEqual([]);
  });

  it("sends the code's layer alone where the code changed", async () => {
    await using place = await openPlace();
    const { test, registry, changes } = place;
    const before = await imageAt(registry, (await test.publish("hello", hello("one"))).image);
    changes();
    const after = await imageAt(registry, (await test.publish("hello", hello("two"), { number: 2 })).image);
    expect(after.manifest.layers.slice(0, -1)).toEqual(before.manifest.layers.slice(0, -1));
    const uploads = changes().filter((line) => line.startsWith("POST"));
    expect(uploads).toHaveLength(2);
    const sent = [after.manifest.layers.at(-1)?.digest, after.manifest.config.digest];
    for (const digest of sent)
      expect(await registry.hasBlob(after.repository, digest ?? "", signal)).toBe(true);
  });

  it("mounts dependencies that another function of the organisation has", async () => {
    await using place = await openPlace();
    const { test, changes } = place;
    await test.publish("one", hello("one"));
    changes();
    await test.publish("two", hello("two"));
    const mounts = changes().filter((line) => line.includes("mount="));
    expect(mounts.some((line) => line.includes("from=fns%2Facme%2Fone"))).toBe(true);
    expect(mounts.some((line) => line.includes("from=fns%2Ffn-python"))).toBe(true);
  });

  it("makes dependencies again that the registry has lost", async () => {
    await using place = await openPlace();
    const { test, registry, server } = place;
    const one = await imageAt(registry, (await test.publish("one", hello("one"))).image);
    const root = join(server.directory, "docker/registry/v2");
    await rm(join(root, "repositories/fns/acme/one"), { recursive: true });
    const hex = one.manifest.layers.at(-2)?.digest.slice("sha256:".length) ?? "";
    await rm(join(root, "blobs/sha256", hex.slice(0, 2), hex), { recursive: true });
    const two = await imageAt(registry, (await test.publish("two", hello("two"))).image);
    expect(two.manifest.layers.at(-2)).toEqual(one.manifest.layers.at(-2));
    expect(await registry.hasBlob(two.repository, `sha256:${hex}`, signal)).toBe(true);
  });

  it("makes an image again that somebody deleted from the registry", async () => {
    await using place = await openPlace();
    const { test, registry } = place;
    const { image } = await test.publish("hello", hello());
    const { repository, digest } = await imageAt(registry, image);
    await registry.deleteManifest(repository, digest, signal);
    expect((await test.publish("hello", hello())).image).toBe(image);
    expect(await registry.headManifest(repository, digest, signal)).toBeDefined();
  });

  it("makes an image again of which the registry has lost a blob, though it has the manifest", async () => {
    await using place = await openPlace();
    const { test, registry, server } = place;
    const { image } = await test.publish("hello", hello());
    const { repository, manifest } = await imageAt(registry, image);
    for (const lost of [manifest.layers.at(-1)?.digest ?? "", manifest.config.digest]) {
      const hex = lost.slice("sha256:".length);
      await rm(join(server.directory, "docker/registry/v2/blobs/sha256", hex.slice(0, 2), hex), {
        recursive: true,
      });
      expect((await test.publish("hello", hello())).image).toBe(image);
      expect(await registry.hasBlob(repository, lost, signal)).toBe(true);
    }
  });

  it("of the same revision by many at once is one build, and who leaves does not end it for the others", async () => {
    await using place = await openPlace();
    const { test } = place;
    const leaving = new AbortController();
    const calls = [leaving.signal, signal, signal].map((own) =>
      test.images.publish(test.revision("hello", hello()), own),
    );
    leaving.abort(new Error("the function was deleted"));
    const [left, ...stayed] = await Promise.allSettled(calls);
    expect(left).toMatchObject({ status: "rejected", reason: { message: "the function was deleted" } });
    const images = stayed.map((one) => (one.status === "fulfilled" ? one.value.image : one.reason));
    expect(new Set(images).size).toBe(1);
    expect(test.built).toEqual(["hello-00001"]);
  });

  it("keeps functions of equal names in different organisations apart", async () => {
    await using place = await openPlace();
    const { test } = place;
    const images = await Promise.all(
      ["acme", "Acme", "other"].map(async (org) => (await test.publish("hello", hello(), { org })).image),
    );
    expect(new Set(images.map((image) => image.split("@")[0])).size).toBe(3);
  });

  it("removes what a process before left half made", async () => {
    await using place = await openPlace();
    const left = join(place.test.folder, "images", "layout-left");
    await mkdir(left);
    await place.test.restart();
    expect(await readdir(join(place.test.folder, "images"))).not.toContain("layout-left");
  });

  it("refuses dependencies that were compiled for another Python than the image's, and names both", async () => {
    await using place = await openPlace();
    const dependencies = { "numpy/_core.cpython-313-x86_64-linux-gnu.so": "" };
    await expect(place.test.publish("hello", { code: {}, dependencies })).rejects.toMatchObject({
      code: "unsupported",
      message: expect.stringMatching(/numpy\/_core.*Python 3\.13.*Python 3\.11/),
      next: expect.stringContaining("local.python"),
    });
  });

  it("writes dependencies again that were installed anew at the same place", async () => {
    await using place = await openPlace();
    const { test, registry } = place;
    const one = await imageAt(registry, (await test.publish("one", hello("one"))).image);
    const set = join(test.folder, "layers", "acme");
    const [name = ""] = await readdir(set);
    await writeFile(join(set, name, "newer.py"), "");
    const two = await imageAt(registry, (await test.publish("two", hello("two"))).image);
    expect(two.manifest.layers.at(-2)?.digest).not.toBe(one.manifest.layers.at(-2)?.digest);
  });
});

describe("a registry", () => {
  it("that is down is said with what to do, and publishing goes on when it is there again", async () => {
    await using place = await openPlace();
    const { test, faulty } = place;
    const published = await test.publish("one", hello("one"));
    faulty.inject({ fault: { kind: "answer", status: 503 } });
    await expect(test.publish("two", hello("two"))).rejects.toMatchObject({
      ...{ code: "registry_unreachable", component: "oci" },
      message: expect.stringContaining(faulty.host),
      next: expect.stringContaining(`curl -i ${faulty.host}/v2/`),
    });
    const known = await test.publish("one", hello("one"), { number: 2 });
    expect(known).toMatchObject({ image: published.image, warnings: [expect.stringContaining(faulty.host)] });
    faulty.heal();
    await expect(test.publish("two", hello("two"))).resolves.toMatchObject({ warnings: [] });
    await expect(test.publish("one", hello("one"))).resolves.toMatchObject({ warnings: [] });
  });

  it("that breaks a connection within an upload gets the blob again", async () => {
    await using place = await openPlace();
    const { test, faulty } = place;
    faulty.inject({
      method: "PUT",
      path: /blobs\/uploads/,
      times: 1,
      fault: { kind: "cut-before", afterBytes: 10 },
    });
    await expect(test.publish("one", hello())).resolves.toMatchObject({ warnings: [] });
  });
});
