import { createHash } from "node:crypto";
import { join } from "node:path";
import { loadConfig } from "@hanzo-fn/contract";
import { type DesiredRevision, revisionRef } from "@hanzo-fn/engine";
import { knativeSettings, organisationResources, resources } from "@hanzo-fn/engine/knative";
import { openImages } from "@hanzo-fn/images";
import { systemClock } from "@hanzo-fn/lifecycle";
import { recordingLog, tempDir } from "@hanzo-fn/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Files, needGo, needRust, openBuilder } from "../../packages/builder/test/compiled.ts";
import type { Cluster } from "../../e2e/cluster/open.ts";
import { BOOT_MS, testCluster } from "../../e2e/cluster/test-support.ts";
import { readyImages } from "../../scripts/images/ready.ts";
import { ROOT } from "../../scripts/run-command.ts";
import { EXAMPLES, type Example } from "./examples.ts";

const ORG = "published";
const NAMESPACE = `hanzo-functions-${ORG}`;
const signal = AbortSignal.timeout(600_000);

let cluster: Cluster;
let noImages: string | undefined;
beforeAll(async () => {
  noImages = await readyImages();
  cluster = await testCluster();
}, BOOT_MS);
afterAll(async () => {
  await cluster.kubectl(["delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait"]);
}, 120_000);

function configFor(): string {
  const { inside, outside } = cluster.registry;
  const layout = join(ROOT, ".cache", "images");
  return `
images: {registry: "${inside}/fns", registry_url: "${outside}", layout: "${layout}"}
knative: {platform_addresses: ["${cluster.hostAddress}"]}
`;
}

describe("a revision that was published runs as a Knative Service", { timeout: 300_000 }, () => {
  for (const [runtime, example] of Object.entries(EXAMPLES) as [keyof typeof EXAMPLES, Example][]) {
    test(`in ${runtime}`, async (context) => {
      if (noImages !== undefined) context.skip(noImages);
      if (cluster.activator === undefined)
        context.skip("only a cluster of ours has its activator on an address of the node");
      const toolchains = {
        ...(runtime === "go" ? { go: needGo(context) } : {}),
        ...(runtime === "rust" ? { rust: needRust(context) } : {}),
      };
      await using builder = await openBuilder({ python: { command: ["/usr/bin/python3"] }, ...toolchains });
      await using folder = await tempDir();
      const { config } = loadConfig({ text: configFor(), env: {} });
      const files = example.files as Files;
      const images = await openImages(config, {
        prepare: ({ entry }, own) => builder.build(runtime, entry, files, { signal: own }),
        keyOf: (name) => builder.builder.keyOf(name),
        folder: folder.path,
        env: {},
        home: folder.path,
        clock: systemClock,
        log: recordingLog(),
      });
      const name = `hello-${runtime}`;
      const desired: DesiredRevision = {
        ref: revisionRef(ORG, name, 1),
        ...{ runtime, entry: example.entry, environment: {}, secrets: {} },
        sourceDigest: createHash("sha256").update(JSON.stringify(files)).digest("hex"),
        ...{ cpuMillis: 100, memoryBytes: 2 ** 27, timeoutMs: 10_000, concurrency: 1, percent: 100 },
      };
      const { image } = await images.publish(desired, signal);
      expect(image).toContain(`${cluster.registry.inside}/fns/${ORG}/${name}@sha256:`);

      const settings = knativeSettings(config);
      const scaling = { minInstances: 0, maxInstances: 1, targetConcurrency: 1, scaleDownDelayMs: 0 };
      const wish = { org: ORG, function: name, scaling, egress: [], secrets: new Map() };
      const objects = [
        ...organisationResources(ORG, settings),
        ...resources(wish, [{ desired, image, version: "1" }], settings),
      ];
      // The split is a manager's of its own, which knows only of revisions that are there.
      const deployed = objects.filter(({ manager }) => !manager.endsWith("/traffic"));
      await cluster.apply(...deployed.map(({ object }) => object));
      const ready = ["wait", "--for=condition=Ready", `revision/${desired.ref.name}`, "-n", NAMESPACE];
      await cluster.kubectl([...ready, "--timeout=120s"]);
      const answer = await fetch(`${cluster.activator}/`, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          "Knative-Serving-Namespace": NAMESPACE,
          "Knative-Serving-Revision": desired.ref.name,
        },
        body: JSON.stringify({ name: "Ada" }),
      });
      expect([answer.status, await answer.text()]).toEqual([200, example.answer]);
    });
  }
});
