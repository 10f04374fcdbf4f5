import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { loadConfig } from "@hanzo-fn/contract";
import { systemClock } from "@hanzo-fn/lifecycle";
import {
  freePort,
  needsServer,
  recordingLog,
  REGISTRY_LOGIN,
  startDockerRegistry,
  tempDir,
} from "@hanzo-fn/testkit";
import { beforeEach, expect, it } from "vitest";
import { askRegistry } from "./ask-registry.ts";

beforeEach((ctx) => needsServer(ctx, "docker-registry"));

const never = new AbortController().signal;

function ask(host: string, home: string, more = "") {
  const { config } = loadConfig({ text: `images: {registry: "${host}/f"${more}}`, env: {} });
  const parts = { env: {}, home, clock: systemClock, log: recordingLog(), limitMs: 5000 };
  return askRegistry(config, parts, never);
}

it("a registry that answers is reachable, also where it has another address from here", async () => {
  await using folder = await tempDir();
  await using server = await startDockerRegistry();
  const well = { reachable: true, mayPush: true };
  expect(await ask(server.host, folder.path)).toEqual({ ...well, url: `http://${server.host}/` });
  const url = `http://${server.host}/`;
  expect(await ask("registry.example", folder.path, `, registry_url: "${url}"`)).toEqual({ ...well, url });
});

it("one that does not answer says why, and one that wants other credentials is reachable", async () => {
  await using folder = await tempDir();
  const closed = await ask(`127.0.0.1:${await freePort()}`, folder.path);
  expect(closed).toMatchObject({
    reachable: false,
    mayPush: false,
    message: expect.stringMatching(/refused/i),
  });
  await using server = await startDockerRegistry({ basic: true });
  const nobody = await ask(server.host, folder.path);
  expect(nobody).toMatchObject({
    reachable: true,
    mayPush: false,
    message: expect.stringContaining(server.host),
  });
  const auth = Buffer.from(`${REGISTRY_LOGIN.username}:${REGISTRY_LOGIN.password}`).toString("base64");
  const file = join(folder.path, "config.json");
  await writeFile(file, JSON.stringify({ auths: { [server.host]: { auth } } }));
  expect(await ask(server.host, folder.path, `, docker_config: "${file}"`)).toMatchObject({ mayPush: true });
});

it("a certificate that cannot be read is an error of the configuration", async () => {
  await using folder = await tempDir();
  const asked = ask("registry.example", folder.path, `, ca: "${folder.path}/absent.pem"`);
  await expect(asked).rejects.toMatchObject({ code: "bad_request", component: "images" });
});
