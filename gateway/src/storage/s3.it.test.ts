import { openS3Objects } from "@hanzo-fn/blobs";
import { systemClock } from "@hanzo-fn/lifecycle";
import { absentServer, startS3 } from "@hanzo-fn/testkit";
import { expect, test } from "vitest";
import { openTestGateway } from "../test-setup.ts";
import { createStorage } from "./storage.ts";

test("ctx.storage on an S3 service: refs by URL, presigned URLs, buckets that are somebody else's to make", async (ctx) => {
  const reason = absentServer("versitygw");
  if (reason !== undefined) ctx.skip(reason);
  await using s3 = await startS3();
  const objects = openS3Objects({ clock: systemClock }, s3);
  const storage = createStorage(objects, {
    bucket: "hanzo-functions",
    endpoints: () => [s3.url],
    organisations: () => Promise.resolve(new Set(["acme"])),
    makesBuckets: false,
  });
  await using t = await openTestGateway({ storage });
  const at = (ref: string): string => `/v1/storage/object?ref=${encodeURIComponent(ref)}`;
  const put = await t.call(at("out/ä b.txt"), {
    method: "PUT",
    body: "hello",
    headers: { "content-type": "text/x" },
  });
  expect(put.json()).toMatchObject({ key: "out/ä b.txt", size: 5 });
  const url = `${s3.url}/hanzo-functions/data/acme/f/out/${encodeURIComponent("ä b.txt")}`;
  const got = await t.call(at(url));
  expect([got.status, got.body.toString(), got.headers["content-type"]]).toEqual([200, "hello", "text/x"]);
  expect(got.headers.etag).toBe(put.json()["etag"]);
  expect((await t.call(at("out/ä b.txt"), { headers: { range: "bytes=1-2" } })).body.toString()).toBe("el");
  const presign = async (ref: string, method: string) => {
    const reply = await t.call("/v1/storage/presign", {
      method: "POST",
      body: JSON.stringify({ ref, method }),
    });
    return reply.json()["url"] as string;
  };
  const signed = await presign("out/ä b.txt", "GET");
  expect(await (await fetch(signed)).text()).toBe("hello");
  expect((await t.call(at(signed))).body.toString()).toBe("hello");
  expect((await fetch(await presign("new", "PUT"), { method: "PUT", body: "outside" })).status).toBe(200);
  expect((await t.call(at("new"))).body.toString()).toBe("outside");
  expect((await t.call(at("s3://acme-in/x"), { method: "PUT", body: "x" })).status).toBe(404);
  await objects.ensureBucket("acme-in");
  expect((await t.call(at("s3://acme-in/x"), { method: "PUT", body: "x" })).status).toBe(200);
  await s3.stop();
  expect((await t.call(at("new"))).json()).toMatchObject({ code: 503, error: "unavailable" });
});
