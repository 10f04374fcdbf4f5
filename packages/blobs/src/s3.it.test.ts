import { systemClock } from "@hanzo-fn/lifecycle";
import { absentServer, needsServer, startS3, type S3Server } from "@hanzo-fn/testkit";
import { randomBytes } from "node:crypto";
import { utimes } from "node:fs/promises";
import { createServer, type AddressInfo, type Socket } from "node:net";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { exerciseBlobs, pattern, readAll } from "./conformance.ts";
import { collectGarbage, openS3Blobs } from "./index.ts";
import { createS3Client } from "./s3/client.ts";
import { listPage } from "./s3/list.ts";
import { listUploads } from "./s3/multipart.ts";

let server: S3Server | undefined;
beforeAll(async () => {
  if (absentServer("versitygw") === undefined) server = await startS3();
});
afterAll(() => server?.[Symbol.asyncDispose]());
beforeEach((ctx) => needsServer(ctx, "versitygw"));

const deps = { clock: systemClock };

async function setup() {
  const bucket = `b-${randomBytes(6).toString("hex")}`;
  const client = createS3Client(deps, server!);
  await client.sendForText({ method: "PUT", bucket });
  const blobs = openS3Blobs(deps, { ...server!, bucket });
  return { blobs, client, bucket, [Symbol.asyncDispose]: () => Promise.resolve() };
}

exerciseBlobs("blobs in S3", setup);

const MIB = 1024 * 1024;

async function* repeated(chunk: Uint8Array, times: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < times; i++) yield chunk;
}

test("a blob of many parts comes back whole, is stored once, and leaves no upload behind", async () => {
  await using t = await setup();
  const bytes = pattern(12 * MIB + 17);
  const put = () => t.blobs.putIfAbsent("acme/big", repeated(bytes, 1));
  expect((await Promise.all([put(), put(), put()])).toSorted()).toEqual(["present", "present", "stored"]);
  expect((await readAll(t.blobs.get("acme/big"))).equals(bytes)).toBe(true);
  expect(await listUploads(t.client, t.bucket, "")).toEqual([]);
});

test("a long source that fails, hangs until the signal, or has another digest leaves no upload behind", async () => {
  await using t = await setup();
  const half = pattern(6 * MIB);
  const failing = (async function* () {
    yield half;
    throw new Error("cut");
  })();
  await expect(t.blobs.putIfAbsent("acme/a", failing)).rejects.toThrow("cut");
  const gaveUp = new AbortController();
  const hanging = (async function* () {
    yield half;
    setImmediate(() => gaveUp.abort(new Error("gave up")));
    await new Promise(() => {});
  })();
  await expect(t.blobs.putIfAbsent("acme/a", hanging, { signal: gaveUp.signal })).rejects.toThrow("gave up");
  await expect(
    t.blobs.putIfAbsent("acme/a", repeated(half, 1), { digest: "0".repeat(64) }),
  ).rejects.toMatchObject({ code: "invalid_source" });
  expect(await t.blobs.head("acme/a")).toBeUndefined();
  expect(await listUploads(t.client, t.bucket, "")).toEqual([]);
});

const HOUR_MS = 3_600_000;

async function makeOld(bucket: string, key: string): Promise<void> {
  const then = new Date(Date.now() - HOUR_MS);
  await utimes(path.join(server!.directory, bucket, `${key},`), then, then);
}

test("an old blob that is put again while it is being deleted is there afterwards", async () => {
  await using t = await setup();
  const unmodifiedSince = new Date(Date.now() - HOUR_MS / 2);
  const results = new Set<unknown>();
  for (let round = 0; round < 12; round++) {
    const key = `acme/${round}`;
    await t.blobs.putIfAbsent(key, Buffer.from("x"));
    await makeOld(t.bucket, key);
    const later = async <T>(rounds: number, work: () => Promise<T>): Promise<T> => {
      for (let i = 0; i < rounds; i++) await t.blobs.head(key);
      return work();
    };
    const [deleted, result] = await Promise.all([
      later(round % 2 === 0 ? 0 : round, () => t.blobs.delete(key, { unmodifiedSince })),
      later(round % 2 === 0 ? round : 0, () => t.blobs.putIfAbsent(key, Buffer.from("x"))),
    ]);
    results.add(`${deleted} ${result}`);
    expect(await t.blobs.head(key)).toMatchObject({ size: 1 });
  }
  expect([...results]).toEqual(expect.arrayContaining(["true stored", "false present"]));
  const { objects } = await listPage(t.client, t.bucket, { prefix: "" });
  expect(objects.filter(({ key }) => key.includes("leaving"))).toEqual([]);
});

test("a deleter that died does not hold up who puts the blob again", async () => {
  await using t = await setup();
  await t.blobs.putIfAbsent("acme/a", Buffer.from("x"));
  await t.client.sendForText({ method: "PUT", bucket: t.bucket, key: "acme/a,leaving-dead" });
  let time = 0;
  const clock = { ...systemClock, monotonic: () => (time += 20_000), sleep: () => Promise.resolve() };
  const blobs = openS3Blobs({ clock }, { ...server!, bucket: t.bucket });
  expect(await blobs.putIfAbsent("acme/a", Buffer.from("x"))).toBe("present");
  expect(await blobs.delete("acme/a")).toBe(true);
  expect((await listPage(t.client, t.bucket, { prefix: "" })).objects).toEqual([]);
});

test("the collection of garbage keeps what is put again between its looking and its deleting", async () => {
  await using t = await setup();
  await t.blobs.putIfAbsent("acme/source/a", Buffer.from("x"));
  await makeOld(t.bucket, "acme/source/a");
  const collected = await collectGarbage({
    blobs: t.blobs,
    async referenced() {
      expect(await t.blobs.putIfAbsent("acme/source/a", Buffer.from("x"))).toBe("present");
      return new Set();
    },
    olderThanMs: HOUR_MS / 2,
    now: Date.now(),
  });
  expect(collected.deleted).toEqual([]);
  expect((await readAll(t.blobs.get("acme/source/a"))).toString()).toBe("x");
});

test("wrong credentials and a service that is not there are said as what they are", async () => {
  await using t = await setup();
  const wrong = openS3Blobs(deps, { ...server!, bucket: t.bucket, secretKey: "wrong" });
  await expect(readAll(wrong.get("acme/a"))).rejects.toMatchObject({
    code: "unavailable",
    next: expect.stringContaining("storage.secret_key") as string,
  });
  const gone = openS3Blobs(deps, { ...server!, bucket: t.bucket, url: "http://127.0.0.1:1" });
  await expect(gone.head("acme/a")).rejects.toMatchObject({ code: "unavailable" });
  const missing = openS3Blobs(deps, { ...server!, bucket: "no-such-bucket" });
  await expect(missing.putIfAbsent("acme/a", Buffer.from("x"))).rejects.toMatchObject({
    code: "not_found",
    message: expect.stringContaining("bucket") as string,
  });
});

test("a service that falls silent, before its answer or in the middle of it, is unavailable", async () => {
  const sockets = new Set<Socket>();
  let answer = "";
  const silent = createServer((socket) => {
    sockets.add(socket);
    socket.once("data", () => socket.write(answer));
    socket.on("error", () => {});
  });
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  try {
    const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const blobs = openS3Blobs(deps, { ...server!, url, bucket: "acme-data", idleMs: 50 });
    await expect(blobs.head("acme/a")).rejects.toMatchObject({ code: "unavailable" });
    answer = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf";
    await expect(readAll(blobs.get("acme/a"))).rejects.toMatchObject({ code: "unavailable" });
  } finally {
    for (const socket of sockets) socket.destroy();
    silent.close();
  }
});
