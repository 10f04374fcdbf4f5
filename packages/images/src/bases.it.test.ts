import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { generateKeyPair, openLayout, RUNTIME_IMAGES, verifyImage } from "@hanzo-fn/oci";
import { needsServer, REGISTRY_LOGIN, startDockerRegistry, tempDir } from "@hanzo-fn/testkit";
import { beforeEach, describe, expect, it } from "vitest";
import {
  clientOf,
  imageAt,
  openUnderTest,
  runtimeImages,
  type UnderTest,
} from "../test/images-under-test.ts";
import { configLines, pushRuntimeImages } from "./push-runtime-images.ts";

const signal = AbortSignal.timeout(600_000);
const SOURCE = { code: { "handler.py": "hello" } };

beforeEach((ctx) => needsServer(ctx, "docker-registry"));

/** A registry with signed runtime images below `hanzo`, and files with the keys. */
async function openPlace() {
  const server = await startDockerRegistry();
  const folder = await tempDir();
  const layout = await runtimeImages(join(folder.path, "bases"), "one");
  const registry = clientOf(server.host);
  const pair = generateKeyPair();
  const [privateKey, publicKey] = [join(folder.path, "cosign.key"), join(folder.path, "cosign.pub")];
  await writeFile(privateKey, pair.privateKey);
  await writeFile(publicKey, pair.publicKey);
  const push = (from: typeof layout, pem?: string) =>
    pushRuntimeImages(
      from,
      {
        registry,
        prefix: "hanzo",
        runtimes: ["python"],
        signingKey: pem === undefined ? undefined : { pem },
      },
      signal,
    );
  return {
    ...{ server, folder, layout, registry, pair, privateKey, publicKey, push },
    /** A platform whose functions stand on what is under the tag, pinned to `digest`. */
    pinnedTo: (digest: string, more = `, signing_keys: ["${publicKey}"]`): Promise<UnderTest> =>
      openUnderTest(`{registry: "${server.host}/hanzo", base_digests: {python: "${digest}"}${more}}`),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

describe("the image that functions stand on", () => {
  it("is taken where it is pinned and signed, and the function's image is signed with the platform's key", async () => {
    await using place = await openPlace();
    const { registry, pair, server, privateKey, publicKey } = place;
    const [pushed] = await place.push(place.layout, pair.privateKey);
    const keys = `, signing_keys: ["${publicKey}"], private_key: "${privateKey}"`;
    await using test = await place.pinnedTo(pushed?.digest ?? "", keys);
    const { image, phasesMs } = await test.publish("hello", SOURCE);
    expect(Object.keys(phasesMs)).toEqual(["verify", "build", "base", "assemble", "push", "sign"]);
    const { repository, digest } = await imageAt(registry, image);
    const proof = await verifyImage(registry, repository, digest, { publicKeys: [pair.publicKey] }, signal);
    expect(proof).toMatchObject({ digest, identity: `${server.host}/hanzo/acme/hello` });
  });

  it("that nobody signed, somebody else signed, or that was re-tagged is refused before anything is built", async () => {
    await using place = await openPlace();
    const { folder } = place;
    const [pushed] = await place.push(place.layout);
    const digest = pushed?.digest ?? "";
    await using test = await place.pinnedTo(digest);
    const refused = { code: "image_untrusted", component: "oci", next: expect.stringMatching(/./) };
    const wanted = (words: string) => ({ ...refused, message: expect.stringContaining(words) });
    await expect(test.publish("hello", SOURCE)).rejects.toMatchObject(wanted("it has no signature"));
    await place.push(place.layout, generateKeyPair().privateKey);
    await expect(test.publish("hello", SOURCE)).rejects.toMatchObject(wanted("by another key"));
    const other = await runtimeImages(join(folder.path, "other"), "two");
    const [now] = await place.push(other, place.pair.privateKey);
    await expect(test.publish("hello", SOURCE)).rejects.toMatchObject(wanted(now?.digest ?? "-"));
    expect(test.built).toEqual([]);
    await place.push(place.layout, place.pair.privateKey);
    await expect(test.publish("hello", SOURCE)).resolves.toMatchObject({ warnings: [] });
  });

  it("that is pinned to nothing is refused with the command that tells the digest", async () => {
    await using place = await openPlace();
    await place.push(place.layout);
    await using test = await openUnderTest(`{registry: "${place.server.host}/hanzo"}`);
    await expect(test.publish("hello", SOURCE)).rejects.toMatchObject({
      ...{ code: "image_untrusted", component: "images" },
      message: expect.stringContaining(`${place.server.host}/hanzo/fn-python:3.12`),
      next: expect.stringMatching(/images\.base_digests\.python.*--push/),
    });
  });

  it("is named by runtimes.*.image, also with the digest behind it", async () => {
    await using place = await openPlace();
    const { server } = place;
    const [pushed] = await place.push(place.layout);
    const image = `${server.host}/hanzo/fn-python@${pushed?.digest}`;
    await using test = await openUnderTest(
      `{registry: "${server.host}/elsewhere"}`,
      `runtimes: {python: {image: "${image}"}}`,
    );
    const { image: made } = await test.publish("hello", SOURCE);
    expect(made).toContain(`${server.host}/elsewhere/acme/hello@`);
  });

  it("of another registry is copied once to where functions mount its layers", async () => {
    await using place = await openPlace();
    await using target = await startDockerRegistry();
    const { server, publicKey, pair } = place;
    const [pushed] = await place.push(place.layout, pair.privateKey);
    await using test = await openUnderTest(
      `{registry: "${target.host}/fns", base_digests: {python: "${pushed?.digest}"}, signing_keys: ["${publicKey}"]}`,
      `runtimes: {python: {image: "${server.host}/hanzo/fn-python:3.12"}}`,
    );
    await test.publish("one", SOURCE);
    const there = clientOf(target.host);
    expect(await there.headManifest("fns/fn-python", pushed?.digest ?? "", signal)).toBeDefined();
    const { image } = await test.publish("two", { code: { "handler.py": "two" } });
    expect((await imageAt(there, image)).manifest.layers).toHaveLength(2);
  });

  it("comes out of the layout where a development registry lacks it, and not in place of one that is pinned", async () => {
    await using place = await openPlace();
    const { server, layout, registry, folder } = place;
    const digest = (await layout.find(RUNTIME_IMAGES.python))?.descriptor.digest ?? "";
    await using test = await openUnderTest(`{registry: "${server.host}/hanzo", layout: "${layout.root}"}`);
    await test.publish("hello", SOURCE);
    expect(await registry.headManifest("hanzo/fn-python", "3.12", signal)).toMatchObject({ digest });
    // Assembled anew: the tag follows.
    const other = await runtimeImages(layout.root, "two");
    const newer = (await other.find(RUNTIME_IMAGES.python))?.descriptor.digest;
    await test.publish("hello", SOURCE, { number: 2 });
    expect(await registry.headManifest("hanzo/fn-python", "3.12", signal)).toMatchObject({ digest: newer });
    const third = await runtimeImages(join(folder.path, "third"), "three");
    const pinned = `, layout: "${third.root}"`;
    await using strict = await place.pinnedTo(`sha256:${"0".repeat(64)}`, pinned);
    await expect(strict.publish("hello", SOURCE)).rejects.toMatchObject({ code: "image_untrusted" });
    await using absent = await openUnderTest(
      `{registry: "${server.host}/none", base_digests: {python: "${digest}"}, layout: "${third.root}"}`,
    );
    await expect(absent.publish("hello", SOURCE)).rejects.toMatchObject({ code: "not_found" });
  });

  it("is never given to a registry that is none for development, and a warning says that nobody has to sign it there", async () => {
    await using place = await openPlace();
    const { server, layout, registry } = place;
    await using test = await openUnderTest(
      `{registry: "registry.example/hanzo", registry_url: "http://${server.host}", layout: "${layout.root}"}`,
    );
    await expect(test.publish("hello", SOURCE)).rejects.toMatchObject({ code: "not_found" });
    expect(await registry.listTags("hanzo/fn-python", signal)).toEqual([]);
    await place.push(layout);
    const { image, warnings } = await test.publish("hello", SOURCE);
    expect(image).toContain("registry.example/hanzo/acme/hello@");
    expect(warnings).toEqual([expect.stringMatching(/nobody's signature.*images\.signing_keys/)]);
    expect((await test.publish("hello", SOURCE)).warnings).toEqual(warnings);
  });

  it("is pushed with the lines for the configuration, and not from a layout without it", async () => {
    await using place = await openPlace();
    const pushed = await place.push(place.layout, place.pair.privateKey);
    const [digest, host] = [pushed[0]?.digest, place.server.host];
    expect(configLines(pushed)).toEqual([
      "images:",
      "  base_digests:",
      `    python: ${digest}`,
      "runtimes:",
      `  python: { image: "${host}/hanzo/fn-python:3.12" }`,
    ]);
    expect((await place.push(place.layout, place.pair.privateKey))[0]).toMatchObject({ sentBytes: 0 });
    const empty = await openLayout(join(place.folder.path, "empty"));
    await expect(place.push(empty)).rejects.toMatchObject({
      code: "not_found",
      next: expect.stringContaining("scripts/images.ts"),
    });
  });
});

describe("credentials for the registry", () => {
  it("come from Docker's configuration, and one that refuses them is said with the next step", async () => {
    await using server = await startDockerRegistry({ basic: true });
    await using folder = await tempDir();
    const { root } = await runtimeImages(join(folder.path, "bases"), "one");
    const file = join(folder.path, "config.json");
    const login = (password: string): Promise<void> => {
      const auth = Buffer.from(`${REGISTRY_LOGIN.username}:${password}`).toString("base64");
      return writeFile(file, JSON.stringify({ auths: { [server.host]: { auth } } }));
    };
    await using test = await openUnderTest(
      `{registry: "${server.host}/fns", layout: "${root}", docker_config: "${file}"}`,
    );
    await login("wrong-password");
    const error = await test.publish("hello", SOURCE).catch((caught: unknown) => caught);
    expect(error).toMatchObject({
      ...{ code: "registry_refused", component: "oci" },
      next: expect.stringContaining(`docker login ${server.host}`),
    });
    expect(JSON.stringify(error) + (error as Error).message).not.toContain("wrong-password");
    await login(REGISTRY_LOGIN.password);
    await expect(test.publish("hello", SOURCE)).resolves.toMatchObject({ warnings: [] });
  });
});

it("a registry that is reached elsewhere than under its name has its name in references and signatures", async () => {
  await using place = await openPlace();
  const { server, layout, privateKey, pair } = place;
  await using test = await openUnderTest(
    `{registry: "registry.local:5000/fns", registry_url: "http://${server.host}", layout: "${layout.root}", private_key: "${privateKey}"}`,
  );
  const { image } = await test.publish("hello", SOURCE);
  expect(image).toMatch(/^registry\.local:5000\/fns\/acme\/hello@sha256:/);
  const digest = image.split("@")[1] ?? "";
  const identities = ["registry.local:5000/fns/acme/hello"];
  const options = { publicKeys: [pair.publicKey], identities };
  await verifyImage(place.registry, "fns/acme/hello", digest, options, signal);
});

describe("settings", () => {
  it("without a registry, and with a key or a layout that is not there, are refused with the key's name", async () => {
    await expect(openUnderTest("{}")).rejects.toMatchObject({
      code: "bad_request",
      next: expect.stringContaining("images.registry"),
    });
    await expect(openUnderTest(`{registry: "r.local", private_key: /none.key}`)).rejects.toMatchObject({
      message: expect.stringMatching(/images\.private_key.*\/none\.key/),
    });
    await expect(openUnderTest(`{registry: "r.local", layout: /none}`)).rejects.toMatchObject({
      message: expect.stringMatching(/images\.layout.*\/none/),
    });
  });
});
