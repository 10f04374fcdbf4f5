import { needsServer, startDockerRegistry, startFakeRegistry, tempDir } from "@hanzo-fn/testkit";
import { beforeEach, expect, it } from "vitest";
import { clientOf, MEBIBYTE, testImage } from "../../test/registry-under-test.ts";
import { openLayout } from "../layout.ts";
import { pullImage } from "./pull.ts";
import { pushImage } from "./push.ts";

const signal = AbortSignal.timeout(600_000);

beforeEach((ctx) => needsServer(ctx, "docker-registry"));

it("an image is pushed, pulled as the same bytes, and costs one request when it is pushed again", async () => {
  await using server = await startDockerRegistry();
  await using folder = await tempDir();
  const { registry } = clientOf(server, { chunkBytes: MEBIBYTE });
  const layout = await openLayout(`${folder.path}/from`);
  const image = await testImage(layout, "app", [1000, 3 * MEBIBYTE], signal);
  const target = { registry, repository: "org/app", tags: ["v1", "latest"] };
  const pushed = await pushImage([layout], image, target, signal);
  expect(pushed).toMatchObject({
    reference: `${server.host}/org/app@${image.digest}`,
    digest: image.digest,
    sent: 3,
    mounted: 0,
    present: 0,
  });
  expect(pushed.sentBytes).toBeGreaterThan(3 * MEBIBYTE);
  expect(await pushImage([layout], image, target, signal)).toMatchObject({
    sent: 0,
    sentBytes: 0,
    present: 3,
  });
  expect(await registry.listTags("org/app", signal)).toEqual(["latest", "v1"]);

  const other = await openLayout(`${folder.path}/to`);
  const pulled = await pullImage(registry, "org/app", "v1", other, { architecture: "amd64" }, signal);
  expect(pulled.digest).toBe(image.digest);
  const { manifest } = (await layout.find("app"))!;
  for (const { digest } of [manifest.config, ...manifest.layers]) expect(await other.has(digest)).toBe(true);
});

it("tags are read page by page, and a repository that does not exist has none", async () => {
  await using server = await startDockerRegistry();
  await using fake = await startFakeRegistry(server);
  await using folder = await tempDir();
  const { registry } = clientOf(fake);
  const layout = await openLayout(folder.path);
  const image = await testImage(layout, "app", [100], signal);
  await pushImage([layout], image, { registry, repository: "org/app", tags: ["b"] }, signal);
  const headers = { link: '</v2/org/app/tags/list?last=a&n=1>; rel="next"' };
  const body = JSON.stringify({ name: "org/app", tags: ["a"] });
  fake.inject({ path: /tags\/list\?n=/, fault: { kind: "answer", status: 200, headers, body } });
  expect(await registry.listTags("org/app", signal)).toEqual(["a", "b"]);
  fake.heal();
  expect(await registry.listTags("org/none", signal)).toEqual([]);
});

it("the connection of an answer that nobody reads is used again", async () => {
  await using server = await startDockerRegistry();
  await using fake = await startFakeRegistry(server);
  const { registry } = clientOf(fake);
  for (let asked = 0; asked < 10; asked++) await registry.headManifest("org/app", `v${asked}`, signal);
  expect(fake.requests).toHaveLength(10);
  // A connection is free again a moment after its answer.
  expect(fake.connections).toBeLessThanOrEqual(2);
});

it("names that are none never reach the registry", async () => {
  await using server = await startDockerRegistry();
  await using fake = await startFakeRegistry(server);
  const { registry } = clientOf(fake);
  for (const name of ["", "../a", "A/b", "a?b", "a//b"])
    await expect(registry.headManifest(name, "v1", signal)).rejects.toMatchObject({ code: "bad_request" });
  expect(fake.requests).toEqual([]);
});
