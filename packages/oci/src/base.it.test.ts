import { needsServer, startDockerRegistry, startFakeRegistry, tempDir } from "@hanzo-fn/testkit";
import { beforeEach, describe, expect, it } from "vitest";
import { clientOf, testImage } from "../test/registry-under-test.ts";
import { resolveBase } from "./base.ts";
import { generateKeyPair } from "./cosign/keys.ts";
import { signImage } from "./cosign/sign.ts";
import { openLayout } from "./layout.ts";
import { DOCKER_MEDIA, MEDIA, type Manifest } from "./media-types.ts";
import { digestOf } from "./registry/manifests.ts";
import { pullImage } from "./registry/pull.ts";
import { pushImage } from "./registry/push.ts";

const signal = AbortSignal.timeout(600_000);

beforeEach((ctx) => needsServer(ctx, "docker-registry"));

async function openPlace() {
  const server = await startDockerRegistry();
  const folder = await tempDir();
  const { registry } = clientOf(server);
  const layout = await openLayout(`${folder.path}/layout`);
  const pair = generateKeyPair();
  const trust = { publicKeys: [pair.publicKey] };
  const push = async (repository: string, tag: string): Promise<string> => {
    const image = await testImage(layout, `${repository.replace("/", "-")}-${tag}`, [2000], signal);
    await pushImage([layout], image, { registry, repository, tags: [tag] }, signal);
    return image.digest;
  };
  const sign = (repository: string, digest: string, pem = pair.privateKey): Promise<void> =>
    signImage(registry, repository, digest, { pem }, signal);
  return {
    ...{ server, folder, registry, layout, trust, push, sign },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

describe("a base image", () => {
  it("that is signed and where it was pinned is taken, by its digest", async () => {
    await using place = await openPlace();
    const { registry, server, trust } = place;
    const digest = await place.push("base/python", "3.12");
    await place.sign("base/python", digest);
    const reference = `${server.host}/base/python:3.12`;
    const resolved = await resolveBase(registry, { reference, digest }, trust, signal);
    expect(resolved).toMatchObject({
      reference: `${server.host}/base/python@${digest}`,
      repository: "base/python",
      manifest: { digest },
      verified: { digest, identity: `${server.host}/base/python` },
    });
    const both = { reference: `${reference}@${digest}` };
    await expect(resolveBase(registry, both, trust, signal)).resolves.toMatchObject({ manifest: { digest } });
  });

  it("that was re-tagged is refused with both digests, and the other bases are taken", async () => {
    await using place = await openPlace();
    const { registry, server, trust } = place;
    const digest = await place.push("base/python", "3.12");
    const neighbour = await place.push("base/go", "1.22");
    await place.sign("base/python", digest);
    await place.sign("base/go", neighbour);
    const now = await place.push("base/python", "3.12");
    await place.sign("base/python", now);
    const reference = `${server.host}/base/python:3.12`;
    const error = await resolveBase(registry, { reference, digest }, trust, signal).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: "image_untrusted", next: expect.stringContaining(`pin ${now}`) });
    for (const part of [reference, digest, now]) expect((error as Error).message).toContain(part);
    const other = { reference: `${server.host}/base/go:1.22`, digest: neighbour };
    await expect(resolveBase(registry, other, trust, signal)).resolves.toBeDefined();
    const byDigest = { reference: `${server.host}/base/python@${digest}` };
    await expect(resolveBase(registry, byDigest, trust, signal)).resolves.toBeDefined();
  });

  it("that nobody signed is refused, unless signatures are not asked for", async () => {
    await using place = await openPlace();
    const { registry, server, trust } = place;
    const digest = await place.push("base/python", "3.12");
    const base = { reference: `${server.host}/base/python:3.12`, digest };
    await expect(resolveBase(registry, base, trust, signal)).rejects.toMatchObject({
      code: "image_untrusted",
      message: expect.stringContaining(
        `base/python@${digest} is not signed by a trusted key: it has no signature`,
      ),
      next: expect.stringContaining("cosign sign"),
    });
    const none = { publicKeys: [] };
    await place.sign("base/python", digest);
    await expect(resolveBase(registry, base, none, signal)).rejects.toMatchObject({
      message: expect.stringContaining("trusted keys: none"),
    });
    const unsigned = { publicKeys: "unsigned" } as const;
    await expect(resolveBase(registry, base, unsigned, signal)).resolves.toMatchObject({
      verified: undefined,
    });
  });

  it("that somebody else signed is refused", async () => {
    await using place = await openPlace();
    const { registry, server, trust } = place;
    const digest = await place.push("base/python", "3.12");
    await place.sign("base/python", digest, generateKeyPair().privateKey);
    const base = { reference: `${server.host}/base/python:3.12`, digest };
    await expect(resolveBase(registry, base, trust, signal)).rejects.toMatchObject({
      message: expect.stringContaining("a signature by another key"),
    });
  });

  it("without a digest, and one that the registry lost, are refused with the next step", async () => {
    await using place = await openPlace();
    const { registry, server, trust } = place;
    const digest = await place.push("base/python", "3.12");
    const reference = `${server.host}/base/python:3.12`;
    await expect(resolveBase(registry, { reference }, trust, signal)).rejects.toMatchObject({
      code: "image_untrusted",
      message: expect.stringContaining("not pinned to a digest"),
    });
    expect(await registry.deleteManifest("base/python", digest, signal)).toBe(true);
    expect(await registry.deleteManifest("base/python", digest, signal)).toBe(false);
    await expect(resolveBase(registry, { reference, digest }, trust, signal)).rejects.toMatchObject({
      code: "not_found",
      message: expect.stringContaining(digest),
    });
  });
});

describe("a function's image on a base", () => {
  it("needs the base's manifest alone: its layers are mounted from its repository, or read from the base's layout", async () => {
    await using place = await openPlace();
    const { registry, folder } = place;
    const digest = await place.push("base/python", "3.12");
    const layout = await openLayout(`${folder.path}/functions`);
    const how = { architecture: "amd64", withoutLayers: true };
    const base = await pullImage(registry, "base/python", digest, layout, how, signal);
    const image = await testImage(layout, "app", [100], signal, base);
    const target = { registry, repository: "org/app", tags: ["r1"] };
    const elsewhere = { ...target, repository: "org/other" };
    await expect(pushImage([layout], image, elsewhere, signal)).rejects.toMatchObject({
      code: "not_found",
      next: expect.stringContaining("Push the base image"),
    });
    // Two places to look at, one of which has it.
    const mountFrom = ["base/none", "base/python"];
    const pushed = await pushImage([layout], image, { ...target, mountFrom }, signal);
    expect(pushed).toMatchObject({ mounted: 1, sent: 2, present: 0 });
    const whole = { registry, repository: "org/whole", tags: ["r1"] };
    const layouts = [layout, place.layout];
    await expect(pushImage(layouts, image, whole, signal)).resolves.toMatchObject({ mounted: 0, sent: 3 });
    const again = await testImage(layout, "app", [100], signal, base);
    await expect(pushImage([layout], again, { ...target, mountFrom }, signal)).resolves.toMatchObject({
      present: 1,
      sent: 2,
    });
  });

  it("is pushed whole where the registry cannot mount", async () => {
    await using place = await openPlace();
    await using fake = await startFakeRegistry(place.server);
    const { layout } = place;
    const { registry } = clientOf(fake);
    const digest = await place.push("base/python", "3.12");
    const base = (await layout.find("base-python-3.12"))!;
    expect(base.descriptor.digest).toBe(digest);
    const image = await testImage(layout, "app", [100], signal, base.descriptor);
    const target = { registry, repository: "org/app", tags: ["r1"], mountFrom: ["base/none"] };
    await expect(pushImage([layout], image, target, signal)).resolves.toMatchObject({ mounted: 0, sent: 3 });
  });

  it("is pushed whole where the credentials do not reach the base's repository", async () => {
    await using place = await openPlace();
    await using fake = await startFakeRegistry(place.server);
    const { layout } = place;
    const { registry } = clientOf(fake);
    await place.push("base/python", "3.12");
    const base = (await layout.find("base-python-3.12"))!.descriptor;
    const image = await testImage(layout, "app", [100], signal, base);
    fake.inject({ method: "POST", path: /from=base/, fault: { kind: "answer", status: 401 } });
    const target = { registry, repository: "org/app", tags: ["r1"], mountFrom: ["base/python"] };
    await expect(pushImage([layout], image, target, signal)).resolves.toMatchObject({ mounted: 0, sent: 3 });
  });

  it("takes a base of Docker's own manifest types out of an index, and becomes an OCI image", async () => {
    await using place = await openPlace();
    const { registry, layout, folder } = place;
    await place.push("base/docker", "oci");
    const { manifest } = (await layout.find("base-docker-oci"))!;
    const docker = {
      ...{ schemaVersion: 2, mediaType: DOCKER_MEDIA.manifest },
      config: { ...manifest.config, mediaType: "application/vnd.docker.container.image.v1+json" },
      layers: manifest.layers.map((layer) => ({ ...layer, mediaType: DOCKER_MEDIA.layer })),
    };
    const bytes = Buffer.from(JSON.stringify(docker));
    const put = (reference: string, mediaType: string, content: Buffer): Promise<void> =>
      registry.putManifest("base/docker", reference, { mediaType, bytes: content }, signal);
    await put(digestOf(bytes), DOCKER_MEDIA.manifest, bytes);
    const own = { mediaType: DOCKER_MEDIA.manifest, size: bytes.length, digest: digestOf(bytes) };
    const list = {
      ...{ schemaVersion: 2, mediaType: DOCKER_MEDIA.list },
      manifests: [{ ...own, platform: { os: "linux", architecture: "amd64" } }],
    };
    await put("list", DOCKER_MEDIA.list, Buffer.from(JSON.stringify(list)));
    const target = await openLayout(`${folder.path}/functions`);
    const base = await pullImage(registry, "base/docker", "list", target, { architecture: "amd64" }, signal);
    expect(base.digest).toBe(digestOf(bytes));
    const image = await testImage(target, "app", [100], signal, base);
    const { layers } = await target.readJson<Manifest>(image.digest);
    expect(layers.map((layer) => layer.mediaType)).toEqual([MEDIA.layer, MEDIA.layer]);
    await pushImage([target], image, { registry, repository: "org/app", tags: ["r1"] }, signal);
    const arm = { architecture: "arm64" };
    await expect(pullImage(registry, "base/docker", "list", target, arm, signal)).rejects.toMatchObject({
      code: "unsupported",
    });
  });
});
