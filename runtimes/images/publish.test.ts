import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { loadConfig } from "@hanzo-fn/contract";
import { type DesiredRevision, revisionRef } from "@hanzo-fn/engine";
import { openImages } from "@hanzo-fn/images";
import { systemClock } from "@hanzo-fn/lifecycle";
import {
  generateKeyPair,
  type ImageRuntime,
  openLayout,
  pullImage,
  RUNTIME_IMAGES,
  verifyImage,
} from "@hanzo-fn/oci";
import { needsServer, recordingLog, startDockerRegistry, tempDir } from "@hanzo-fn/testkit";
import { beforeEach, describe, expect, it } from "vitest";
import { type Files, needGo, needRust, openBuilder } from "../../packages/builder/test/compiled.ts";
import { architecture, clientOf, imageAt } from "../../packages/images/test/images-under-test.ts";
import { unpackedImage } from "../conformance/container.ts";
import { Container, needImages } from "./container.ts";
import { EXAMPLES, type Example } from "./examples.ts";

const signal = AbortSignal.timeout(600_000);

beforeEach((context) => needsServer(context, "docker-registry"));

describe("a function that was published", { timeout: 300_000 }, () => {
  for (const [runtime, example] of Object.entries(EXAMPLES) as [ImageRuntime, Example][]) {
    it(`is pulled from the registry and answers, and costs nothing a second time (${runtime})`, async (context) => {
      const bases = needImages(context);
      const toolchains = {
        ...(runtime === "go" ? { go: needGo(context) } : {}),
        ...(runtime === "rust" ? { rust: needRust(context) } : {}),
      };
      await using builder = await openBuilder({ python: { command: ["/usr/bin/python3"] }, ...toolchains });
      await using server = await startDockerRegistry();
      await using folder = await tempDir();
      const pair = generateKeyPair();
      const key = join(folder.path, "key.pem");
      await writeFile(key, pair.privateKey);
      const text = `images: {registry: "${server.host}/fns", layout: "${bases}", private_key: "${key}"}`;
      const files = example.files as Files;
      const images = await openImages(loadConfig({ text, env: {} }).config, {
        prepare: ({ entry }, own) => builder.build(runtime, entry, files, { signal: own }),
        keyOf: (name) => builder.builder.keyOf(name),
        folder: join(folder.path, "images"),
        env: {},
        home: folder.path,
        clock: systemClock,
        log: recordingLog(),
      });
      const revision: DesiredRevision = {
        ref: revisionRef("acme", `hello-${runtime}`, 1),
        ...{ runtime, entry: example.entry, environment: {}, secrets: {} },
        sourceDigest: createHash("sha256").update(JSON.stringify(files)).digest("hex"),
        ...{ cpuMillis: 100, memoryBytes: 2 ** 27, timeoutMs: 1000, concurrency: 1, percent: 100 },
      };
      const { image } = await images.publish(revision, signal);

      const registry = clientOf(server.host);
      const { manifest, config, repository, digest } = await imageAt(registry, image);
      const base = (await (await openLayout(bases)).find(RUNTIME_IMAGES[runtime]))?.manifest.layers ?? [];
      expect(manifest.layers.slice(0, base.length)).toEqual(base);
      expect(manifest.layers).toHaveLength(base.length + example.layers);
      const wanted = ["HANZO_FN_SOURCE=/app", `HANZO_FN_ENTRY=${example.entry}`, "PORT=8080"];
      expect(config.config?.Env).toEqual(expect.arrayContaining(wanted));
      await verifyImage(registry, repository, digest, { publicKeys: [pair.publicKey] }, signal);
      const again = await images.publish(revision, signal);
      expect([again.image, Object.keys(again.phasesMs)]).toEqual([image, ["check"]]);

      const pulled = join(folder.path, "pulled");
      const options = { architecture: architecture(), name: "pulled:1" };
      await pullImage(registry, repository, digest, await openLayout(pulled), options, signal);
      await using container = await Container.start(await unpackedImage(pulled, "pulled:1"));
      await container.ready();
      const headers = { "content-type": "application/json" };
      const init = { method: "POST", headers, body: JSON.stringify({ name: "Ada" }) };
      expect(await (await container.call("/", init)).text()).toBe(example.answer);
    });
  }
});
