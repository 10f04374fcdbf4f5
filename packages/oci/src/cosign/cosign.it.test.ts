import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { promisify } from "node:util";
import { needsServer, startDockerRegistry, tempDir } from "@hanzo-fn/testkit";
import { beforeEach, describe, expect, it, type TestContext } from "vitest";
import { clientOf, testImage } from "../../test/registry-under-test.ts";
import { openLayout } from "../layout.ts";
import { pushImage } from "../registry/push.ts";
import { generateKeyPair } from "./keys.ts";
import { signImage } from "./sign.ts";
import { signatureTag } from "./signatures.ts";
import { verifyImage } from "./verify.ts";

const signal = AbortSignal.timeout(600_000);
const exec = promisify(execFile);

beforeEach((ctx) => needsServer(ctx, "docker-registry"));

async function openPushed() {
  const server = await startDockerRegistry();
  const folder = await tempDir();
  const { registry } = clientOf(server);
  const layout = await openLayout(`${folder.path}/layout`);
  const push = async (repository: string): Promise<string> => {
    const image = await testImage(layout, repository.replaceAll("/", "-"), [500], signal);
    return (await pushImage([layout], image, { registry, repository, tags: ["v1"] }, signal)).digest;
  };
  return {
    ...{ server, folder, registry, push },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

describe("signatures in cosign's form", () => {
  it("a signed image verifies, once, by the digest and the name in it", async () => {
    await using place = await openPushed();
    const { registry, server } = place;
    const digest = await place.push("base/python");
    const pair = generateKeyPair();
    await signImage(registry, "base/python", digest, { pem: pair.privateKey }, signal);
    await signImage(registry, "base/python", digest, { pem: pair.privateKey }, signal);
    const options = { publicKeys: [generateKeyPair().publicKey, pair.publicKey] };
    const verified = await verifyImage(registry, "base/python", digest, options, signal);
    expect(verified).toMatchObject({ digest, identity: `${server.host}/base/python` });
    const { bytes } = await registry.getManifest("base/python", signatureTag(digest), signal);
    expect((JSON.parse(bytes.toString()) as { layers: unknown[] }).layers).toHaveLength(1);
  });

  it("a second signer's signature stands beside the first one's", async () => {
    await using place = await openPushed();
    const { registry } = place;
    const digest = await place.push("base/python");
    const pairs = [generateKeyPair(), generateKeyPair()];
    for (const { privateKey } of pairs)
      await signImage(registry, "base/python", digest, { pem: privateKey }, signal);
    for (const { publicKey } of pairs) {
      const verified = verifyImage(registry, "base/python", digest, { publicKeys: [publicKey] }, signal);
      await expect(verified).resolves.toMatchObject({ digest });
    }
  });

  it("an image without a signature, or with one of another key, is refused with what was found", async () => {
    await using place = await openPushed();
    const { registry } = place;
    const digest = await place.push("base/go");
    const pair = generateKeyPair();
    const verify = () => verifyImage(registry, "base/go", digest, { publicKeys: [pair.publicKey] }, signal);
    await expect(verify()).rejects.toMatchObject({
      code: "image_untrusted",
      message: expect.stringContaining("it has no signature"),
    });
    await signImage(registry, "base/go", digest, { pem: generateKeyPair().privateKey }, signal);
    await expect(verify()).rejects.toMatchObject({
      message: expect.stringContaining("a signature by another key"),
    });
  });

  it("a good signature of another image, or of another name, is refused", async () => {
    await using place = await openPushed();
    const { registry, server } = place;
    const pair = generateKeyPair();
    const [good, bad] = [await place.push("base/rust"), await place.push("base/rust")];
    await signImage(registry, "base/rust", good, { pem: pair.privateKey }, signal);
    const stolen = await registry.getManifest("base/rust", signatureTag(good), signal);
    const manifest = { mediaType: stolen.descriptor.mediaType, bytes: stolen.bytes };
    await registry.putManifest("base/rust", signatureTag(bad), manifest, signal);
    const options = { publicKeys: [pair.publicKey] };
    await expect(verifyImage(registry, "base/rust", bad, options, signal)).rejects.toMatchObject({
      code: "image_untrusted",
      message: expect.stringContaining(`a signature of ${good}`),
    });
    const identities = ["ghcr.io/hanzoai/fn-rust"];
    await expect(
      verifyImage(registry, "base/rust", good, { ...options, identities }, signal),
    ).rejects.toMatchObject({
      message: expect.stringContaining(`a signature for the name ${server.host}/base/rust`),
    });
    await expect(verifyImage(registry, "base/rust", good, options, signal)).resolves.toBeDefined();
  });

  it("openssl finds the signature good over the payload bytes", async (ctx) => {
    await needsTool(ctx, "openssl", "version");
    await using place = await openPushed();
    const { registry, folder } = place;
    const digest = await place.push("base/python");
    const pair = generateKeyPair();
    await signImage(registry, "base/python", digest, { pem: pair.privateKey }, signal);
    const verified = await verifyImage(
      registry,
      "base/python",
      digest,
      { publicKeys: [pair.publicKey] },
      signal,
    );
    const { bytes } = await registry.getManifest("base/python", signatureTag(digest), signal);
    const [layer] = (JSON.parse(bytes.toString()) as { layers: [{ digest: string; size: number }] }).layers;
    const payload = await registry.openBlob("base/python", layer, signal);
    await writeFile(`${folder.path}/payload`, payload);
    await writeFile(`${folder.path}/signature`, Buffer.from(verified.signature, "base64"));
    await writeFile(`${folder.path}/key.pem`, pair.publicKey);
    const files = ["-verify", "key.pem", "-signature", "signature", "payload"];
    const { stdout } = await exec("openssl", ["dgst", "-sha256", ...files], { cwd: folder.path });
    expect(stdout).toContain("Verified OK");
  });
});

async function needsTool(ctx: TestContext, name: string, ask: string): Promise<void> {
  const found = await exec(name, [ask]).then(
    () => true,
    () => false,
  );
  if (!found) ctx.skip(`${name} is not installed (apt-get install ${name})`);
}
