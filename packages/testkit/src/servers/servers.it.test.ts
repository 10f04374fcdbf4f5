import { once } from "node:events";
import { existsSync } from "node:fs";
import { createConnection } from "node:net";
import { expect, test } from "vitest";
import { tempDir } from "../temp-dir.ts";
import { REGISTRY_LOGIN, startDockerRegistry } from "./docker-registry.ts";
import { absentServer, needsServer } from "./found.ts";
import { startKafka } from "./kafka.ts";
import { startNats } from "./nats.ts";
import { isListening, startProcess } from "./process.ts";
import { startRedis } from "./redis.ts";
import { startS3 } from "./s3.ts";

async function firstLine(url: string, say = ""): Promise<string> {
  const { port, hostname } = new URL(url);
  const socket = createConnection({ port: Number(port), host: hostname });
  socket.write(say);
  const [chunk] = (await once(socket, "data")) as [Buffer];
  socket.destroy();
  return chunk.toString().split("\r\n")[0]!;
}

const isOpen = (url: string): Promise<boolean> => isListening(Number(new URL(url).port));

test("a redis-server answers, keeps strangers out, comes back after a crash, and is gone at the end", async (ctx) => {
  needsServer(ctx, "redis-server");
  let url = "";
  {
    await using redis = await startRedis({ password: "a b" });
    ({ url } = redis);
    expect(new URL(url).password).toBe("a%20b");
    expect(await firstLine(url, "PING\r\n")).toMatch(/^-NOAUTH/);
    expect(await firstLine(url, 'AUTH "a b"\r\n')).toBe("+OK");
    await redis.stop();
    expect(await isOpen(url)).toBe(false);
    await redis.start();
    expect(await isOpen(url)).toBe(true);
  }
  expect(await isOpen(url)).toBe(false);
});

test("a nats-server has JetStream", async (ctx) => {
  needsServer(ctx, "nats-server");
  await using nats = await startNats();
  expect(await firstLine(nats.url)).toMatch(/^INFO .*"jetstream":true/);
});

test("an S3 service asks for credentials and keeps its files where it says", async (ctx) => {
  needsServer(ctx, "versitygw");
  await using s3 = await startS3();
  expect((await fetch(`${s3.url}/`)).status).toBe(403);
  expect(existsSync(s3.directory)).toBe(true);
});

test("a docker-registry speaks its API, and lets in whom it should", async (ctx) => {
  needsServer(ctx, "docker-registry");
  await using open = await startDockerRegistry();
  await using closed = await startDockerRegistry({ basic: true });
  const status = async (host: string, headers = {}): Promise<number> =>
    (await fetch(`http://${host}/v2/`, { headers })).status;
  const login = Buffer.from(`${REGISTRY_LOGIN.username}:${REGISTRY_LOGIN.password}`).toString("base64");
  expect(await status(open.host)).toBe(200);
  expect(await status(closed.host)).toBe(401);
  expect(await status(closed.host, { authorization: `Basic ${login}` })).toBe(200);
});

test("a Kafka broker listens where it says, on a port of its own", async (ctx) => {
  needsServer(ctx, "kafka");
  await using first = await startKafka();
  await using second = await startKafka({ users: { a: "b" } });
  const addresses = [...first.brokers, ...second.brokers];
  expect(new Set(addresses).size).toBe(2);
  for (const address of addresses) expect(await isOpen(`kafka://${address}`)).toBe(true);
});

test("a server that ends before it listens is said with its output, and is cleaned up after", async () => {
  const dir = await tempDir();
  const starting = startProcess({
    name: "a shell",
    program: "/bin/sh",
    args: ["-c", "echo no such option >&2; exit 3"],
    port: 1,
    cleanup: () => dir[Symbol.asyncDispose](),
  });
  await expect(starting).rejects.toThrow(/a shell ended \(3\) before it listened:\nno such option/);
  expect(existsSync(dir.path)).toBe(false);
});

test("a server that the environment names and that is not there is absent, with the reason", () => {
  process.env["TEST_NATS_SERVER"] = "/no/such/program";
  try {
    expect(absentServer("nats-server")).toBe(
      "nats-server is not installed: `node scripts/servers.ts` installs it, as .ci/run does, and TEST_NATS_SERVER may name it",
    );
  } finally {
    delete process.env["TEST_NATS_SERVER"];
  }
});
