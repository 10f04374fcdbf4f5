/** ctx.kv, ctx.storage and ctx.publish through the gateway, as functions see them. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { Admin, Consumer } from "@platformatic/kafka";
import { absentServer, startKafka, startNats, startRedis, startS3, tempDir } from "@hanzo-fn/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { deployFunction, type FunctionSource } from "./support/functions.ts";
import { peakMemoryMiB, startPlatform, type TestPlatform } from "./support/platform.ts";

const PYTHON = `
import hashlib
from hanzo.functions import GatewayError

def pieces(count):
    for i in range(count):
        yield bytes([i % 256]) * 1048576

def act(ctx, do):
    kv, storage = ctx.kv, ctx.storage
    if do == "kv":
        kv.set("seen", "grüße", ttl=60)
        kv.rpush("l", "a", "b")
        kv.hset("h", {"x": "1"})
        return {"n": kv.incr("n"), "seen": kv.get("seen"), "ttl": kv.ttl("seen") > 0, "popped": kv.lpop("l"),
                "hash": kv.hgetall("h"), "keys": sorted(kv.scan("?")), "none": kv.get("none")}
    if do == "put":
        return storage.put(ctx.data["ref"], b"hello", content_type="text/x").key
    if do == "get":
        return storage.get(ctx.data["ref"]).decode()
    if do == "list":
        return [item.key for item in storage.list(ctx.data["ref"])]
    if do == "presign":
        return storage.presign(ctx.data["ref"], method=ctx.data["method"])
    if do == "big":
        size = storage.put("big", pieces(100)).size
        seen = hashlib.sha256()
        for piece in storage.open("big"):
            seen.update(piece)
        made = hashlib.sha256()
        for piece in pieces(100):
            made.update(piece)
        return {"size": size, "same": seen.hexdigest() == made.hexdigest()}
    if do == "publish":
        return ctx.publish(ctx.data["subject"], {"text": "grüße"}, id=ctx.data.get("id"))

def handle(ctx):
    try:
        return {"value": act(ctx, ctx.data["do"])}
    except GatewayError as error:
        return {"code": error.code, "status": error.status, "message": error.message}
`;

const TYPESCRIPT = `
import { createHash } from "node:crypto";
import { type Context, GatewayError } from "@hanzo/functions";

async function* pieces(count: number) {
  for (let i = 0; i < count; i++) yield new Uint8Array(1048576).fill(i % 256);
}
async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

async function act(ctx: Context): Promise<unknown> {
  const { kv, storage } = ctx;
  const data = ctx.data as Record<string, string>;
  switch (data.do) {
    case "kv":
      await kv.set("seen", "grüße", { ttl: 60 });
      await kv.rpush("l", "a", "b");
      await kv.hset("h", { x: "1" });
      return {
        n: await kv.incr("n"), seen: await kv.get("seen"), ttl: (await kv.ttl("seen")) > 0, popped: await kv.lpop("l"),
        hash: await kv.hgetall("h"), keys: (await collect(kv.scan("?"))).sort(), none: await kv.get("none"),
      };
    case "put":
      return (await storage.put(data.ref, Buffer.from("hello"), { contentType: "text/x" })).key;
    case "get":
      return Buffer.from(await storage.get(data.ref)).toString();
    case "list":
      return (await collect(storage.list(data.ref))).map((item) => item.key);
    case "presign":
      return storage.presign(data.ref, { method: data.method as "GET" });
    case "big": {
      const { size } = await storage.put("big", pieces(100));
      const [seen, made] = [createHash("sha256"), createHash("sha256")];
      for await (const piece of await storage.open("big")) seen.update(piece);
      for await (const piece of pieces(100)) made.update(piece);
      return { size, same: seen.digest("hex") === made.digest("hex") };
    }
    case "publish":
      return ctx.publish(data.subject, { text: "grüße" }, data.id === undefined ? {} : { id: data.id });
  }
}

export async function handle(ctx: Context) {
  try {
    return { value: await act(ctx) };
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    return { code: error.code, status: error.status, message: error.message };
  }
}
`;

const MEMORY = 'resources:\n  cpu: "250m"\n  memory: "512Mi"\n  timeout: 60s\n';
const source = (name: string, runtime: FunctionSource["runtime"]): FunctionSource => ({
  name,
  runtime,
  manifest: MEMORY,
  code: runtime === "python" ? PYTHON : TYPESCRIPT,
});

async function use(platform: TestPlatform, name: string, data: Record<string, unknown>): Promise<unknown> {
  const reply = await platform.fetchInvoke(`/v1/functions/${name}/invoke`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(data),
  });
  const text = await reply.text();
  expect(reply.status, text).toBe(200);
  return JSON.parse(text) as unknown;
}

/** A view of the server beside the platform's. */
async function natsConnection(url: string) {
  const connection = await connect({ servers: url, user: "functions-trigger", pass: "pw" });
  const manager = await jetstreamManager(connection);
  return {
    addStream: (name: string, subjects: string[]) => manager.streams.add({ name, subjects }),
    async messages(name: string): Promise<Record<string, unknown>[]> {
      const { state } = await manager.streams.info(name);
      const all: Record<string, unknown>[] = [];
      for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
        all.push((await manager.streams.getMessage(name, { seq }))!.json<Record<string, unknown>>());
      }
      return all;
    },
    [Symbol.asyncDispose]: () => connection.close(),
  };
}

describe.each(["python", "typescript"] as const)("a %s function", (runtime) => {
  let platform: TestPlatform;
  const ask = (data: Record<string, unknown>, name = "one") => use(platform, name, data);

  beforeAll(async () => {
    platform = await startPlatform();
    await deployFunction(platform, source("one", runtime));
    await deployFunction(platform, source("two", runtime));
  });
  afterAll(() => platform[Symbol.asyncDispose]());

  test("keeps keys of its own", async () => {
    const kept = (n: number, extra: object = {}) => ({
      value: {
        n,
        seen: "grüße",
        ttl: true,
        popped: "a",
        hash: { x: "1" },
        keys: ["h", "l", "n"],
        none: null,
        ...extra,
      },
    });
    expect(await ask({ do: "kv" })).toEqual(kept(1));
    expect(await ask({ do: "kv" })).toEqual(kept(2, { popped: "b" }));
    expect(await ask({ do: "kv" }, "two")).toEqual(kept(1));
  });

  test("stores objects where another function cannot reach them", async () => {
    expect(await ask({ do: "put", ref: "out/ä b.txt" })).toEqual({ value: "out/ä b.txt" });
    expect(await ask({ do: "get", ref: "out/ä b.txt" })).toEqual({ value: "hello" });
    expect(await ask({ do: "list", ref: "out/" })).toEqual({ value: ["out/ä b.txt"] });
    expect(await ask({ do: "put", ref: "s3://local-shared/x" })).toEqual({ value: "s3://local-shared/x" });
    expect(await ask({ do: "get", ref: "s3://local-shared/x" }, "two")).toEqual({ value: "hello" });
    const refused = [
      ["out/ä b.txt", "not_found"],
      ["../one/out/ä b.txt", "bad_request"],
      ["s3://hanzo-functions/data/local/one/out/ä b.txt", "forbidden"],
      ["s3://other-bucket/x", "forbidden"],
    ];
    for (const [ref, code] of refused) expect(await ask({ do: "get", ref }, "two")).toMatchObject({ code });
  });

  test("hands out URLs that need no other credentials, and open nothing else", async () => {
    await ask({ do: "put", ref: "a b.txt" });
    const { value: get } = (await ask({ do: "presign", ref: "a b.txt", method: "GET" })) as { value: string };
    const { value: put } = (await ask({ do: "presign", ref: "new.txt", method: "PUT" })) as { value: string };
    const got = await fetch(get);
    expect([got.status, await got.text(), got.headers.get("content-type")]).toEqual([200, "hello", "text/x"]);
    expect(await (await fetch(get, { headers: { range: "bytes=1-2" } })).text()).toBe("el");
    expect((await fetch(get, { method: "HEAD" })).headers.get("content-length")).toBe("5");
    expect((await fetch(put, { method: "PUT", body: "from outside" })).status).toBe(200);
    expect(await ask({ do: "get", ref: "new.txt" })).toEqual({ value: "from outside" });
    const forged = [
      put.replace("new.txt", "other.txt"),
      put.replace("/one/", "/two/"),
      put.replace(/expires=\d+/, "expires=9999999999"),
      get.replace("method=GET", "method=PUT"),
      put.replace(/signature=.*/, ""),
    ];
    for (const url of forged) {
      const refused = await fetch(url, { method: "PUT", body: "x" });
      expect([refused.status, await refused.json()], url).toMatchObject([403, { error: "forbidden" }]);
    }
    expect((await fetch(put)).status).toBe(403);
  });

  test("streams a hundred megabytes in and out while the platform's memory stays as it was", async () => {
    await ask({ do: "put", ref: "warm" });
    const before = await peakMemoryMiB(platform);
    expect(await ask({ do: "big" })).toEqual({ value: { size: 100 * 1024 * 1024, same: true } });
    expect((await peakMemoryMiB(platform)) - before).toBeLessThan(80);
  });

  test("publishes where no broker is configured, but not to the dead letters", async () => {
    const made = (prefix: string): unknown => expect.stringMatching(new RegExp(`^${prefix}_[0-9A-Z]{26}$`));
    expect(await ask({ do: "publish", subject: "mq.notify.support" })).toEqual({ value: made("task") });
    expect(await ask({ do: "publish", subject: "billing_events" })).toEqual({ value: made("evt") });
    expect(await ask({ do: "publish", subject: "mq.dlq.x" })).toMatchObject({ code: "bad_request" });
  });
});

test("what a function kept outlives the platform and the function", async () => {
  await using data = await tempDir("hfn-data-");
  {
    await using platform = await startPlatform({ dataDir: data.path });
    await deployFunction(platform, source("one", "python"));
    await use(platform, "one", { do: "kv" });
    await use(platform, "one", { do: "put", ref: "a" });
    await platform.ok(["delete", "one"]);
    await deployFunction(platform, source("one", "python"));
    await platform.kill();
  }
  await using platform = await startPlatform({ dataDir: data.path });
  expect(await use(platform, "one", { do: "kv" })).toMatchObject({ value: { n: 2 } });
  expect(await use(platform, "one", { do: "get", ref: "a" })).toEqual({ value: "hello" });
});

test("kv on a Redis server is the same to the function, and says so when the server is gone", async (ctx) => {
  const reason = absentServer("redis-server");
  if (reason !== undefined) ctx.skip(reason);
  await using redis = await startRedis({ password: "pw" });
  await using platform = await startPlatform({ env: { KV_URL: redis.url } });
  await deployFunction(platform, source("one", "python"));
  expect(await use(platform, "one", { do: "kv" })).toMatchObject({
    value: { n: 1, seen: "grüße", keys: ["h", "l", "n"] },
  });
  expect(await use(platform, "one", { do: "kv" })).toMatchObject({ value: { n: 2 } });
  await redis.stop();
  expect(await use(platform, "one", { do: "kv" })).toMatchObject({ code: "unavailable", status: 503 });
  expect(platform.log.join("\n")).not.toContain(":pw@");
});

test("objects and sources lie in S3 where it is configured, and nothing can be stored without its credentials", async (ctx) => {
  const reason = absentServer("versitygw");
  if (reason !== undefined) ctx.skip(reason);
  await using s3 = await startS3();
  const config = "storage: {source_bucket: fn-source}\n";
  const login = { MINIO_ROOT_USER: s3.accessKey, MINIO_ROOT_PASSWORD: s3.secretKey };
  await using platform = await startPlatform({ config, env: { OBJECT_STORAGE_URL: s3.url, ...login } });
  await deployFunction(platform, source("one", "python"));
  expect(await readdir(join(s3.directory, "fn-source", "local", "source"))).toHaveLength(1);
  expect(await use(platform, "one", { do: "put", ref: "out/a.txt" })).toEqual({ value: "out/a.txt" });
  expect(await readFile(join(s3.directory, "hanzo-functions/data/local/one/out/a.txt"), "utf8")).toBe(
    "hello",
  );
  const { value: url } = (await use(platform, "one", { do: "presign", ref: "out/a.txt", method: "GET" })) as {
    value: string;
  };
  expect(url.startsWith(`${s3.url}/hanzo-functions/data/local/one/out/a.txt?`)).toBe(true);
  expect(await (await fetch(url)).text()).toBe("hello");
  expect(await use(platform, "one", { do: "get", ref: url })).toEqual({ value: "hello" });
  expect(await use(platform, "one", { do: "big" })).toMatchObject({ value: { same: true } });
  await using bare = await startPlatform({ env: { OBJECT_STORAGE_URL: s3.url } });
  await deployFunction(bare, source("one", "python"));
  const refused = (await use(bare, "one", { do: "put", ref: "a" })) as { code: string };
  expect(refused).toMatchObject({ code: "unavailable", status: 503 });
});

test("messages reach a NATS server in their envelope, once for each id, and a missing stream is told of", async (ctx) => {
  const reason = absentServer("nats-server");
  if (reason !== undefined) ctx.skip(reason);
  await using nats = await startNats({
    config: 'authorization { user: "functions-trigger", password: "pw" }',
  });
  const config = `triggers:\n  nats:\n    url: ${nats.url}\n    credentials: {user: functions-trigger}\n`;
  await using platform = await startPlatform({ config, env: { NATS_PASSWORD: "pw" } });
  await deployFunction(platform, source("one", "python"));
  await deployFunction(platform, source("two", "typescript"));
  const publish = (id?: string, name = "one") =>
    use(platform, name, { do: "publish", subject: "mq.notify.support", ...(id === undefined ? {} : { id }) });
  expect(await publish()).toMatchObject({ code: "unavailable" });
  await using connection = await natsConnection(nats.url);
  await connection.addStream("HANZO_MQ", ["mq.>"]);
  const { value: made } = (await publish()) as { value: string };
  expect(made).toMatch(/^task_[0-9A-Z]{26}$/);
  for (let i = 0; i < 2; i++) expect(await publish("order-7")).toEqual({ value: "order-7" });
  expect(await publish("order-7", "two")).toEqual({ value: "order-7" });
  for (let i = 0; i < 2; i++)
    await platform.ok(["publish", "mq.notify.support", "--data", '{"by":"hand"}', "--id", "order-7"]);
  const messages = await connection.messages("HANZO_MQ");
  expect(messages.map(({ id, source }) => [id, source])).toEqual([
    [made, "fn/one"],
    ["order-7", "fn/one"],
    ["order-7", "fn/two"],
    ["order-7", "api"],
  ]);
  expect(messages[3]).toMatchObject({ org_id: "local", data: { by: "hand" } });
  expect(messages[0]).toEqual({
    schema: "hanzo.mq.v1",
    id: made,
    type: "notify.support",
    source: "fn/one",
    timestamp: expect.stringMatching(/^\d{4}-.*Z$/) as string,
    org_id: "local",
    data: { text: "grüße" },
  });
  expect(platform.log.join("\n")).not.toContain("pw@");
});

test("events reach a Kafka topic in their envelope, and a topic that is not there is told of", async (ctx) => {
  const reason = absentServer("kafka");
  if (reason !== undefined) ctx.skip(reason);
  await using kafka = await startKafka({ users: { functions: "s p@ss" } });
  const env = {
    KAFKA_BROKERS: kafka.brokers.join(","),
    KAFKA_SASL_USERNAME: "functions",
    KAFKA_SASL_PASSWORD: "s p@ss",
  };
  await using platform = await startPlatform({ env });
  await deployFunction(platform, source("one", "python"));
  const publish = (subject: string) => use(platform, "one", { do: "publish", subject });
  const client = {
    clientId: "test",
    bootstrapBrokers: [...kafka.brokers],
    sasl: { mechanism: "PLAIN" as const, username: "functions", password: "s p@ss" },
  };
  const admin = new Admin(client);
  await admin.createTopics({ topics: ["billing_events"], partitions: 1, replicas: 1 });
  await admin.close();
  expect(await publish("nobody_made_it")).toMatchObject({ code: "bad_request" });
  const { value: id } = (await publish("billing_events")) as { value: string };
  const consumer = new Consumer({ ...client, groupId: "test", maxWaitTime: 100 });
  const stream = await consumer.consume({ topics: ["billing_events"], mode: "earliest", autocommit: false });
  for await (const message of stream) {
    expect(message.key?.toString()).toBe("local");
    expect(JSON.parse(String(message.value))).toMatchObject({
      schema: "hanzo.stream.v1",
      id,
      type: "billing.events",
      source: "fn/one",
      org_id: "local",
      data: { text: "grüße" },
    });
    break;
  }
  await consumer.close(true);
});
