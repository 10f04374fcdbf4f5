import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import {
  needsServer,
  startDockerRegistry,
  startFakeRegistry,
  tempDir,
  type DockerRegistry,
  type FakeRegistry,
} from "@hanzo-fn/testkit";
import { beforeEach, describe, expect, it } from "vitest";
import { clientOf, MEBIBYTE, testImage, type UnderTest } from "../../test/registry-under-test.ts";
import { openLayout, type Layout } from "../layout.ts";
import type { Descriptor } from "../media-types.ts";
import { pullImage } from "./pull.ts";
import { pushImage } from "./push.ts";

const signal = AbortSignal.timeout(600_000);
const ARCHITECTURE = { architecture: "amd64" };

beforeEach((ctx) => needsServer(ctx, "docker-registry"));

interface Place extends AsyncDisposable {
  readonly server: DockerRegistry;
  readonly fake: FakeRegistry;
  readonly layout: Layout;
  image(name: string, layerBytes: readonly number[]): Promise<Descriptor>;
  /** Pushes through what is broken. */
  push(image: Descriptor, repository?: string, options?: UnderTest): ReturnType<typeof pushImage>;
  /** A neighbour's push on the straight way, which nothing may disturb. */
  neighbourPushes(): Promise<void>;
  /** Reads everything back on the straight way and compares it. */
  arrived(image: Descriptor, repository?: string): Promise<void>;
  requests(pattern: RegExp): string[];
}

async function openPlace(): Promise<Place> {
  const server = await startDockerRegistry();
  const fake = await startFakeRegistry(server);
  const folder = await tempDir();
  const layout = await openLayout(`${folder.path}/layout`);
  const image: Place["image"] = (name, layerBytes) => testImage(layout, name, layerBytes, signal);
  const push: Place["push"] = (pushed, repository = "org/app", options = {}) => {
    const { registry } = clientOf(fake, options);
    return pushImage([layout], pushed, { registry, repository, tags: ["v1"] }, signal);
  };
  return {
    ...{ server, fake, layout, image, push },
    async neighbourPushes() {
      const { registry } = clientOf(server);
      const own = await image("neighbour", [100]);
      await pushImage([layout], own, { registry, repository: "other/app" }, signal);
    },
    async arrived(wanted, repository = "org/app") {
      await using target = await tempDir();
      const { registry } = clientOf(server);
      const there = await openLayout(target.path);
      const pulled = await pullImage(registry, repository, "v1", there, ARCHITECTURE, signal);
      expect(pulled.digest).toBe(wanted.digest);
    },
    requests: (pattern) => fake.requests.map(({ line }) => line).filter((line) => pattern.test(line)),
    async [Symbol.asyncDispose]() {
      await fake[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

describe("a registry that is down", () => {
  it("is said to be down after bounded tries, and takes the push once it is up again", async () => {
    await using place = await openPlace();
    const image = await place.image("app", [1000]);
    const { registry, log } = clientOf(place.server);
    const target = { registry, repository: "org/app", tags: ["v1"] };
    await place.server.stop();
    await expect(pushImage([place.layout], image, target, signal)).rejects.toMatchObject({
      code: "registry_unreachable",
      message: expect.stringMatching(/ECONNREFUSED/),
      next: expect.stringContaining(place.server.host),
    });
    expect(log.lines).toHaveLength(3);
    await place.server.start();
    await expect(pushImage([place.layout], image, target, signal)).resolves.toMatchObject({ sent: 2 });
    await place.arrived(image);
  });

  it("that goes down in the middle of a push is waited for", async () => {
    await using place = await openPlace();
    const image = await place.image("app", [1000]);
    place.fake.inject({ method: "POST", times: 3, fault: { kind: "cut-before", afterBytes: 0 } });
    await expect(place.push(image)).resolves.toMatchObject({ sent: 2 });
    await place.arrived(image);
  });
});

describe("a registry that is slow", () => {
  it("and sends nothing is cut with an error that says so, while a neighbour's push goes through", async () => {
    await using place = await openPlace();
    const image = await place.image("app", [1000]);
    place.fake.inject({ method: "POST", fault: { kind: "silent" } });
    const pushed = place.push(image, "org/app", { silenceMs: 300 });
    const [failed] = await Promise.allSettled([pushed, place.neighbourPushes()]);
    expect(failed).toMatchObject({
      status: "rejected",
      reason: { code: "registry_unreachable", message: expect.stringContaining("sent nothing for 0.3 s") },
    });
    place.fake.heal();
    await place.push(image);
    await place.arrived(image);
  });

  it("and falls silent in the middle of a blob is asked again", async () => {
    await using place = await openPlace();
    const image = await place.image("app", [MEBIBYTE]);
    await place.push(image);
    const fault = { kind: "cut-answer", afterBytes: 100_000, ending: "silence" } as const;
    place.fake.inject({ method: "GET", path: /\/blobs\//, times: 1, fault });
    await using target = await tempDir();
    const { registry } = clientOf(place.fake, { silenceMs: 1000 });
    const layout = await openLayout(target.path);
    await expect(pullImage(registry, "org/app", "v1", layout, ARCHITECTURE, signal)).resolves.toEqual(image);
  });
});

describe("a registry that refuses", () => {
  it("a push for good is asked once, and the error has its words", async () => {
    await using place = await openPlace();
    const image = await place.image("app", [1000]);
    const body = JSON.stringify({ errors: [{ code: "DENIED", message: "requested access is denied" }] });
    place.fake.inject({ method: "POST", path: /org\/app/, fault: { kind: "answer", status: 403, body } });
    await expect(place.push(image)).rejects.toMatchObject({
      code: "registry_refused",
      message: expect.stringContaining("403, DENIED: requested access is denied"),
      next: expect.stringContaining("Check the credentials"),
    });
    expect(place.requests(/^POST \/v2\/org\/app/).length).toBeLessThanOrEqual(2);
    await expect(place.push(image, "org/other")).resolves.toMatchObject({ sent: 2 });
  });

  it("with 429 is given the time that it asks for, and then takes the push", async () => {
    await using place = await openPlace();
    const image = await place.image("app", [1000]);
    const fault = { kind: "answer", status: 429, headers: { "retry-after": "1" } } as const;
    place.fake.inject({ method: "HEAD", path: /\/manifests\//, times: 1, fault });
    const { registry, pauses } = clientOf(place.fake);
    await pushImage([place.layout], image, { registry, repository: "org/app", tags: ["v1"] }, signal);
    expect(pauses).toEqual([1000]);
    await place.arrived(image);
  });

  it("with 429 for longer than anybody waits is not waited for, and the error says how long", async () => {
    await using place = await openPlace();
    const image = await place.image("app", [1000]);
    const fault = { kind: "answer", status: 429, headers: { "retry-after": "600" } } as const;
    place.fake.inject({ method: "HEAD", path: /org\/app\/manifests\//, fault });
    await expect(place.push(image)).rejects.toMatchObject({
      code: "registry_unreachable",
      retryAfterSeconds: 600,
    });
    expect(place.requests(/^HEAD \/v2\/org\/app\/manifests/)).toHaveLength(1);
    await expect(place.push(image, "org/other")).resolves.toMatchObject({ sent: 2 });
  });

  it.each(["HEAD", "POST", "PUT", "PATCH"])("with 503 to a %s is asked again", async (method) => {
    await using place = await openPlace();
    const image = await place.image("app", [3 * MEBIBYTE]);
    place.fake.inject({ method, times: 2, fault: { kind: "answer", status: 503 } });
    const pushed = place.push(image, "org/app", { chunkBytes: MEBIBYTE });
    await expect(pushed).resolves.toMatchObject({ sent: 2 });
    await place.arrived(image);
  });

  it("with 500 for ever is given up after the tries of the policy", async () => {
    await using place = await openPlace();
    const image = await place.image("app", [1000]);
    place.fake.inject({ method: "PUT", path: /org\/app/, fault: { kind: "answer", status: 500 } });
    await expect(place.push(image)).rejects.toMatchObject({
      code: "registry_unreachable",
      message: expect.stringContaining("it answers 500"),
    });
    await expect(place.push(image, "org/other")).resolves.toMatchObject({ sent: 2 });
  });
});

describe("a registry that loses blobs midway", () => {
  it("a connection cut in the middle of a chunk: the upload goes on from what arrived", async () => {
    await using place = await openPlace();
    const image = await place.image("app", [5 * MEBIBYTE]);
    const fault = { kind: "cut-before", afterBytes: MEBIBYTE / 2 } as const;
    place.fake.inject({ method: "PATCH", after: 2, times: 1, fault });
    const pushed = await place.push(image, "org/app", { chunkBytes: MEBIBYTE });
    await place.arrived(image);
    // One upload for the layer, and one for the configuration.
    expect(place.requests(/^POST /)).toHaveLength(2);
    expect(place.requests(/^GET .*\/uploads\//)).toHaveLength(1);
    expect(pushed.sentBytes).toBeGreaterThan(5 * MEBIBYTE);
    expect(pushed.sentBytes).toBeLessThan(6.1 * MEBIBYTE);
  });

  it("a chunk that arrived by half, which docker-registry answers by dropping the upload: it is sent anew", async () => {
    await using place = await openPlace();
    const image = await place.image("app", [5 * MEBIBYTE]);
    const fault = { kind: "cut-within", afterBytes: MEBIBYTE / 2 } as const;
    place.fake.inject({ method: "PATCH", after: 1, times: 1, fault });
    await place.push(image, "org/app", { chunkBytes: MEBIBYTE });
    await place.arrived(image);
    expect(place.requests(/^POST /)).toHaveLength(3);
  });

  it("a chunk whose answer is lost", async () => {
    await using place = await openPlace();
    const image = await place.image("app", [3 * MEBIBYTE]);
    place.fake.inject({ method: "PATCH", times: 1, fault: { kind: "lose-answer" } });
    await place.push(image, "org/app", { chunkBytes: MEBIBYTE });
    await place.arrived(image);
  });

  it("the answer to the end of an upload is lost: the blob is found there and not sent again", async () => {
    await using place = await openPlace();
    const image = await place.image("app", [MEBIBYTE]);
    const { manifest } = (await place.layout.find("app"))!;
    const path = new RegExp(`/uploads/.*${encodeURIComponent(manifest.layers[0]!.digest)}`);
    place.fake.inject({ method: "PUT", path, times: 1, fault: { kind: "lose-answer" } });
    const pushed = await place.push(image);
    await place.arrived(image);
    expect(pushed.sentBytes).toBeLessThan(1.1 * MEBIBYTE);
  });

  it("an upload that breaks at every chunk, but each time further on, gets there", async () => {
    await using place = await openPlace();
    const image = await place.image("app", [8 * MEBIBYTE]);
    for (let broken = 0; broken < 7; broken++) {
      const fault = { kind: "cut-before", afterBytes: 1000 } as const;
      place.fake.inject({ method: "PATCH", after: broken + 1, times: 1, fault });
    }
    await place.push(image, "org/app", { chunkBytes: MEBIBYTE, attempts: 3 });
    await place.arrived(image);
  });

  it("an upload that never gets further is given up, and the error says why", async () => {
    await using place = await openPlace();
    const image = await place.image("app", [3 * MEBIBYTE]);
    place.fake.inject({ method: "PATCH", fault: { kind: "cut-before", afterBytes: 1000 } });
    const pushed = place.push(image, "org/app", { chunkBytes: MEBIBYTE });
    await expect(pushed).rejects.toMatchObject({ code: "registry_unreachable" });
    await place.neighbourPushes();
  });

  it("a blob that is gone when the manifest comes is sent again", async () => {
    await using place = await openPlace();
    const image = await place.image("app", [1000]);
    const { manifest } = (await place.layout.find("app"))!;
    const layer = manifest.layers[0]!.digest;
    // What the registry says about the blob is wrong: it answers that it is there.
    const fault = { kind: "answer", status: 200 } as const;
    place.fake.inject({ method: "HEAD", path: new RegExp(layer), fault });
    const pushed = await place.push(image);
    await place.arrived(image);
    expect(pushed).toMatchObject({ sent: 2, present: 1 });
    expect(place.requests(/^PUT .*\/manifests\//)).toHaveLength(2);
  });

  it("a blob that the registry lost after the push is not taken for the image: the pull says so", async () => {
    await using place = await openPlace();
    const image = await place.image("app", [1000]);
    await place.push(image);
    await rm(join(place.server.directory, "docker/registry/v2/blobs/sha256"), { recursive: true });
    expect(await readdir(join(place.server.directory, "docker/registry/v2/repositories"))).toContain("org");
    await using target = await tempDir();
    const { registry } = clientOf(place.server);
    const pulled = pullImage(registry, "org/app", "v1", await openLayout(target.path), ARCHITECTURE, signal);
    await expect(pulled).rejects.toMatchObject({ code: "not_found" });
    await place.neighbourPushes();
  });
});

describe("a pull", () => {
  it("whose connection breaks in the middle of a blob begins that blob again", async () => {
    await using place = await openPlace();
    const image = await place.image("app", [2 * MEBIBYTE]);
    await place.push(image);
    const fault = { kind: "cut-answer", afterBytes: MEBIBYTE, ending: "break" } as const;
    place.fake.inject({ method: "GET", path: /\/blobs\//, times: 2, fault });
    await using target = await tempDir();
    const layout = await openLayout(target.path);
    const { registry } = clientOf(place.fake);
    await expect(pullImage(registry, "org/app", "v1", layout, ARCHITECTURE, signal)).resolves.toEqual(image);
  });

  it("of bytes that are not those of the digest is refused, and leaves nothing of them", async () => {
    await using place = await openPlace();
    const image = await place.image("app", [1000]);
    await place.push(image);
    const changed = (bytes: Buffer): Buffer => Buffer.alloc(bytes.length, 7);
    const fault = { kind: "change-answer", body: changed } as const;
    place.fake.inject({ method: "GET", path: /\/blobs\//, fault });
    await using target = await tempDir();
    const layout = await openLayout(target.path);
    const { registry } = clientOf(place.fake);
    const pull = () => pullImage(registry, "org/app", image.digest, layout, ARCHITECTURE, signal);
    await expect(pull()).rejects.toMatchObject({ code: "image_untrusted" });
    expect(await readdir(`${target.path}/blobs/sha256`)).toEqual([]);
    place.fake.heal();
    place.fake.inject({ method: "GET", path: /\/manifests\//, fault });
    await expect(pull()).rejects.toMatchObject({ code: "image_untrusted" });
    place.fake.heal();
    await expect(pull()).resolves.toEqual(image);
  });
});

it("secrets are in no error and in no line of the log", async () => {
  await using server = await startDockerRegistry({ basic: true });
  await using fake = await startFakeRegistry(server);
  await using folder = await tempDir();
  const layout = await openLayout(folder.path);
  const image = await testImage(layout, "app", [2 * MEBIBYTE], signal);
  const secret = "hunter2-and-more";
  const { registry, log } = clientOf(fake, {
    credentials: () => Promise.resolve({ kind: "password", username: "tester", password: secret }),
  });
  fake.inject({ method: "HEAD", times: 1, fault: { kind: "answer", status: 503 } });
  const target = { registry, repository: "org/app", tags: ["v1"] };
  const error: unknown = await pushImage([layout], image, target, signal).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: "registry_refused" });
  const said = JSON.stringify([error, (error as Error).message, (error as Error).stack, log.lines]);
  expect(log.lines.length).toBeGreaterThan(0);
  expect(said).not.toContain(secret);
  expect(said).not.toContain(Buffer.from(`tester:${secret}`).toString("base64"));
});
