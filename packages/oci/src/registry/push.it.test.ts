import { needsServer, startDockerRegistry, tempDir } from "@hanzo-fn/testkit";
import { beforeEach, expect, it } from "vitest";
import { clientOf, MEBIBYTE, testImage } from "../../test/registry-under-test.ts";
import { openLayout } from "../layout.ts";
import { pullImage } from "./pull.ts";
import { pushImage } from "./push.ts";

const signal = AbortSignal.timeout(60_000);

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
