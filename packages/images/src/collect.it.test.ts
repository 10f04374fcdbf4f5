import { join } from "node:path";
import { writeFile } from "node:fs/promises";
import { generateKeyPair } from "@hanzo-fn/oci";
import { needsServer, startDockerRegistry, startFakeRegistry, tempDir } from "@hanzo-fn/testkit";
import { beforeEach, expect, it } from "vitest";
import { clientOf, imageAt, openUnderTest, runtimeImages, type Source } from "../test/images-under-test.ts";

const signal = AbortSignal.timeout(600_000);
const MIN_AGE = "knative: {retention: {min_age: 1h}}";
const AN_HOUR_AND_MORE = 3_700_000;
const source = (text: string): Source => ({ code: { "handler.py": text }, dependencies: { "a.py": "" } });

beforeEach((ctx) => needsServer(ctx, "docker-registry"));

async function openPlace() {
  const server = await startDockerRegistry();
  const faulty = await startFakeRegistry(server);
  const folder = await tempDir();
  const { root } = await runtimeImages(join(folder.path, "bases"), "one");
  const key = join(folder.path, "key.pem");
  await writeFile(key, generateKeyPair().privateKey);
  const test = await openUnderTest(
    `{registry: "${faulty.host}/fns", layout: "${root}", private_key: "${key}"}`,
    MIN_AGE,
  );
  const registry = clientOf(server.host);
  /** What is in a function's repository: tags of images and of signatures. */
  const tags = async (name: string): Promise<number> =>
    (await registry.listTags(`fns/acme/${name}`, signal)).length;
  const reference = (name: string, text: string) => {
    const { ref, runtime, entry, sourceDigest } = test.revision(name, source(text));
    return { org: ref.org, function: ref.function, runtime, entry, sourceDigest };
  };
  return {
    ...{ server, faulty, test, registry, tags, reference },
    async [Symbol.asyncDispose]() {
      for (const part of [test, faulty, server, folder]) await part[Symbol.asyncDispose]();
    },
  };
}

it("images of removed revisions go with their signatures; what a revision on record has stays, and what is young", async () => {
  await using place = await openPlace();
  const { test, tags, reference } = place;
  const { images, clock } = test;
  const kept = await test.publish("hello", source("kept"));
  await test.publish("hello", source("gone"), { number: 2 });
  await test.publish("deleted", source("gone too"));
  expect(await images.collect([], signal)).toEqual({ removed: 0 });
  clock.nowMs += AN_HOUR_AND_MORE;
  await test.publish("young", source("young"));
  expect(await images.collect([reference("hello", "kept")], signal)).toEqual({ removed: 2 });
  expect([await tags("hello"), await tags("deleted"), await tags("young")]).toEqual([2, 0, 2]);
  const there = clientOf(place.server.host);
  const name = kept.image.replace(place.faulty.host, place.server.host);
  expect((await imageAt(there, name)).manifest.layers).toHaveLength(3);
  expect(await images.collect([reference("hello", "kept")], signal)).toEqual({ removed: 0 });
});

it("an image that is asked for again is young again", async () => {
  await using place = await openPlace();
  const { test, tags } = place;
  await test.publish("hello", source("one"));
  test.clock.nowMs += AN_HOUR_AND_MORE;
  await test.publish("hello", source("one"), { number: 2 });
  expect(await test.images.collect([], signal)).toEqual({ removed: 0 });
  expect(await tags("hello")).toBe(2);
});

it("an image that was deleted is made again, dependencies and all", async () => {
  await using place = await openPlace();
  const { test } = place;
  const { image } = await test.publish("hello", source("one"));
  test.clock.nowMs += AN_HOUR_AND_MORE;
  await test.images.collect([], signal);
  expect((await test.publish("hello", source("one"))).image).toBe(image);
  expect(test.built).toHaveLength(2);
});

it("a registry that does not delete says how to let it, and what it refused goes the next time", async () => {
  await using place = await openPlace();
  const { test, faulty, tags } = place;
  await test.publish("hello", source("one"));
  test.clock.nowMs += AN_HOUR_AND_MORE;
  faulty.inject({ method: "DELETE", fault: { kind: "answer", status: 405 } });
  await expect(test.images.collect([], signal)).rejects.toMatchObject({
    code: "registry_refused",
    next: expect.stringContaining("storage.delete.enabled"),
  });
  faulty.heal();
  expect(await test.images.collect([], signal)).toEqual({ removed: 1 });
  expect(await tags("hello")).toBe(0);
});
