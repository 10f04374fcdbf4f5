import { systemClock } from "@hanzo-fn/lifecycle";
import {
  absentServer,
  makeCertificate,
  needsCertificate,
  needsServer,
  startS3,
  type S3Server,
} from "@hanzo-fn/testkit";
import { randomBytes } from "node:crypto";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { pattern, readAll } from "./conformance.ts";
import { openS3Objects } from "./index.ts";
import { exerciseObjects } from "./objects-conformance.ts";
import { createS3Client } from "./s3/client.ts";
import { listUploads } from "./s3/multipart.ts";

let server: S3Server | undefined;
beforeAll(async () => {
  if (absentServer("versitygw") === undefined) server = await startS3();
});
afterAll(() => server?.[Symbol.asyncDispose]());
beforeEach((ctx) => needsServer(ctx, "versitygw"));

const deps = { clock: systemClock };

exerciseObjects("objects in S3", () =>
  Promise.resolve({
    objects: openS3Objects(deps, server!),
    leftovers: (bucket: string) => listUploads(createS3Client(deps, server!), bucket, ""),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }),
);

async function newBucket() {
  const objects = openS3Objects(deps, server!);
  const bucket = `acme-${randomBytes(6).toString("hex")}`;
  await objects.ensureBucket(bucket);
  return { objects, bucket };
}

test("objects in S3: who has a signed URL needs no credentials for that object, and for nothing else", async () => {
  const { objects, bucket } = await newBucket();
  const put = await objects.presign(bucket, "in/a b+ü.txt", { method: "PUT", expiresSeconds: 60 });
  const stored = await fetch(put.url, {
    method: "PUT",
    body: "hello",
    headers: { "content-type": "text/x" },
  });
  expect(stored.status).toBe(200);
  expect(await objects.head(bucket, "in/a b+ü.txt")).toMatchObject({ size: 5, contentType: "text/x" });
  const get = await objects.presign(bucket, "in/a b+ü.txt", { method: "GET", expiresSeconds: 60 });
  expect(await (await fetch(get.url)).text()).toBe("hello");
  expect((await fetch(get.url, { method: "PUT", body: "x" })).status).toBe(403);
  expect((await fetch(get.url.replace("in/a", "in/b"))).status).toBe(403);
  expect((await fetch(get.url.split("?")[0]!)).status).toBe(403);
});

test("objects in S3: a service that keeps objects as files refuses a key below another one with a reason", async () => {
  const { objects, bucket } = await newBucket();
  await objects.put(bucket, "a", Buffer.from("x"));
  await expect(objects.put(bucket, "a/b", Buffer.from("x"))).rejects.toMatchObject({ code: "conflict" });
});

test("objects in S3: a service that goes away and comes back is used again", async () => {
  await using own = await startS3();
  const objects = openS3Objects(deps, own);
  await objects.ensureBucket("acme-data");
  await objects.put("acme-data", "a", pattern(100_000));
  await own.stop();
  await expect(objects.get("acme-data", "a")).rejects.toMatchObject({ code: "unavailable" });
  const reading = objects.get("acme-data", "a");
  await own.start();
  expect(await readAll((await reading).body)).toHaveLength(100_000);
});

test("objects in S3: wrong credentials are the platform's trouble, not the caller's", async () => {
  const { bucket } = await newBucket();
  for (const wrong of [{ secretKey: "wrong" }, { accessKey: "nobody" }]) {
    const objects = openS3Objects(deps, { ...server!, ...wrong });
    await expect(objects.put(bucket, "a", Buffer.from("x"))).rejects.toMatchObject({ code: "unavailable" });
  }
});

test("objects in S3: 100 MB pass in both directions in constant memory", { timeout: 60_000 }, async () => {
  const { objects, bucket } = await newBucket();
  const chunk = pattern(50_000);
  let highest = 0;
  const before = process.memoryUsage().arrayBuffers;
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  let looks = 0;
  const look = (): void => {
    // What is garbage already is no memory in use.
    if (looks++ % 50 === 0) collect();
    if (looks % 50 === 1) highest = Math.max(highest, process.memoryUsage().arrayBuffers - before);
  };
  const source = async function* () {
    for (let i = 0; i < 2000; i++) {
      look();
      yield chunk;
    }
  };
  expect(await objects.put(bucket, "big", source())).toMatchObject({ size: 100_000_000 });
  let size = 0;
  for await (const piece of (await objects.get(bucket, "big")).body as AsyncIterable<Buffer>) {
    size += piece.length;
    look();
  }
  expect(size).toBe(100_000_000);
  expect(highest).toBeLessThan(25_000_000);
});

test("objects in S3: over TLS, where an unknown authority is no authority", async (ctx) => {
  needsCertificate(ctx);
  await using certificate = await makeCertificate();
  await using secure = await startS3({ certificate });
  const objects = openS3Objects(deps, { ...secure, ca: certificate.pem });
  await objects.ensureBucket("acme-data");
  await objects.put("acme-data", "a", pattern(6_000_000));
  expect(await readAll((await objects.get("acme-data", "a")).body)).toHaveLength(6_000_000);
  await expect(openS3Objects(deps, secure).head("acme-data", "a")).rejects.toMatchObject({
    code: "unavailable",
    message: expect.stringContaining("self-signed") as string,
  });
});
