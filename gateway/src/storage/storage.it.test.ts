import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { describe, expect, test } from "vitest";
import { openTestGateway } from "../test-setup.ts";

const object = (ref: string): string => `/v1/storage/object?ref=${encodeURIComponent(ref)}`;
const list = (query: Record<string, string>): string =>
  `/v1/storage/list?${new URLSearchParams(query).toString()}`;

describe("an object", () => {
  test("is put, read, looked at, listed and deleted by names that are hard", async () => {
    await using t = await openTestGateway();
    for (const ref of ["a.txt", "out/ä b+%2F.txt", "s3://acme-in/x y"]) {
      const put = await t.call(object(ref), {
        method: "PUT",
        body: "hello",
        headers: { "content-type": "text/x" },
      });
      expect(put.status, ref).toBe(200);
      expect(put.json()).toEqual({
        key: ref,
        size: 5,
        etag: expect.stringMatching(/^"[0-9a-f]{32}"$/) as string,
      });
      const got = await t.call(object(ref));
      expect(got).toMatchObject({ status: 200, body: Buffer.from("hello") });
      expect(got.headers).toMatchObject({
        "content-type": "text/x",
        "content-length": "5",
        etag: put.json()["etag"],
      });
      expect(Date.parse(got.headers["last-modified"] ?? "")).toBeGreaterThan(Date.now() - 60_000);
      const head = await t.call(object(ref), { method: "HEAD" });
      expect(head.status).toBe(200);
      expect(head.headers).toMatchObject({ "content-length": "5", etag: put.json()["etag"] });
    }
    expect((await t.call(list({ prefix: "" }))).json()).toMatchObject({
      objects: [
        { key: "a.txt", size: 5, modified: expect.stringMatching(/^\d{4}-.*Z$/) as string },
        { key: "out/ä b+%2F.txt", size: 5 },
      ],
      cursor: null,
    });
    expect((await t.call(list({ prefix: "s3://acme-in/" }))).json()).toMatchObject({
      objects: [{ key: "s3://acme-in/x y" }],
    });
    for (let i = 0; i < 2; i++)
      expect((await t.call(object("a.txt"), { method: "DELETE" })).status).toBe(204);
    for (const method of ["GET", "HEAD"])
      expect((await t.call(object("a.txt"), { method })).status).toBe(404);
  });

  test("is read in ranges", async () => {
    await using t = await openTestGateway();
    await t.call(object("a"), { method: "PUT", body: "0123456789" });
    const range = async (value: string) => {
      const reply = await t.call(object("a"), { headers: { range: value } });
      return [reply.status, reply.body.toString(), reply.headers["content-range"]];
    };
    expect(await range("bytes=2-4")).toEqual([206, "234", "bytes 2-4/10"]);
    expect(await range("bytes=8-100")).toEqual([206, "89", "bytes 8-9/10"]);
    expect(await range("bytes=-3")).toEqual([206, "789", "bytes 7-9/10"]);
    expect(await range("bytes=7-")).toEqual([206, "789", "bytes 7-9/10"]);
    expect(await range("nonsense")).toEqual([200, "0123456789", undefined]);
    expect((await range("bytes=10-"))[0]).toBe(416);
  });

  test("of a hundred megabytes goes through as it is", async () => {
    await using t = await openTestGateway();
    const piece = Buffer.alloc(1024 * 1024, "x");
    const hash = createHash("sha256");
    const source = Readable.from(
      (function* () {
        for (let i = 0; i < 100; i++) {
          piece.writeUInt32BE(i);
          hash.update(piece);
          yield Buffer.from(piece);
        }
      })(),
    );
    const put = await t.call(object("big"), { method: "PUT", body: source });
    expect(put.json()).toMatchObject({ size: 100 * piece.length });
    const got = await t.call(object("big"));
    expect(createHash("sha256").update(got.body).digest("hex")).toBe(hash.digest("hex"));
  });

  test("that breaks off on its way leaves what was there before", async () => {
    await using t = await openTestGateway();
    await t.call(object("a"), { method: "PUT", body: "before" });
    const half = Readable.from(
      (function* () {
        yield Buffer.alloc(100_000);
        throw new Error("gone");
      })(),
    );
    await expect(t.call(object("a"), { method: "PUT", body: half })).rejects.toThrow();
    expect((await t.call(object("a"))).body.toString()).toBe("before");
    await expect(
      t.call(object("b"), {
        method: "PUT",
        body: Readable.from([Buffer.alloc(9)]),
        headers: { "content-length": "10" },
        signal: AbortSignal.timeout(300),
      }),
    ).rejects.toThrow();
    expect((await t.call(object("b"))).status).toBe(404);
  });

  test("of another function, of another organisation, or beyond the folder is out of reach", async () => {
    await using t = await openTestGateway();
    await t.as({ function: "g" })(object("secret"), { method: "PUT", body: "theirs" });
    await t.as({ org: "acme-labs" })(object("s3://acme-labs-in/secret"), { method: "PUT", body: "theirs" });
    const refs: readonly (readonly [string, number])[] = [
      ["../g/secret", 400],
      ["a/../../g/secret", 400],
      ["/secret", 400],
      ["a\0", 400],
      ["s3://hanzo-functions/data/acme/g/secret", 403],
      ["s3://hanzo-functions/data/acme/f/../g/secret", 400],
      ["http://objects.test/hanzo-functions/data/acme/g/secret", 403],
      ["http://objects.test/hanzo-functions/data/acme/f/%2e%2e/g/secret", 400],
      ["s3://acme-labs-in/secret", 403],
      ["s3://other-in/secret", 403],
      ["s3://hanzo-functions/source/acme/0", 403],
      ["http://elsewhere.test/acme-in/a", 400],
    ];
    for (const [ref, status] of refs) {
      for (const method of ["GET", "HEAD", "PUT", "DELETE"]) {
        expect((await t.call(object(ref), { method })).status, `${method} ${ref}`).toBe(status);
      }
      const body = JSON.stringify({ ref, method: "PUT" });
      expect((await t.call("/v1/storage/presign", { method: "POST", body })).status).toBe(status);
    }
    for (const prefix of [
      "s3://hanzo-functions/",
      "s3://hanzo-functions/data/acme/f",
      "s3://acme-labs-in/",
      "s3://hanzo-models/",
    ]) {
      expect((await t.call(list({ prefix }))).status, prefix).toBe(403);
    }
    const cursor = Buffer.from("data/acme/g/").toString("base64url");
    const stolen = await t.call(list({ prefix: "", cursor }));
    expect(stolen.body.toString()).not.toContain("secret");
  });

  test("is not written into the models' bucket, but read from it", async () => {
    await using t = await openTestGateway();
    await t.objects.ensureBucket("hanzo-models");
    await t.objects.put("hanzo-models", "bge/config.json", Buffer.from("{}"));
    expect((await t.call(object("s3://hanzo-models/bge/config.json"))).body.toString()).toBe("{}");
    for (const method of ["PUT", "DELETE"]) {
      expect((await t.call(object("s3://hanzo-models/bge/config.json"), { method })).status).toBe(403);
    }
  });
});

test("an object that cannot be read to its end is not taken for a whole one", async () => {
  await using t = await openTestGateway();
  await t.call(object("a"), { method: "PUT", body: Buffer.alloc(2_000_000) });
  const { objects } = t.storage;
  const breaking = {
    ...t.storage,
    objects: {
      ...objects,
      async get(...args: Parameters<typeof objects.get>) {
        const content = await objects.get(...args);
        content.body.once("data", () => content.body.destroy(new Error("the disk is gone")));
        return content;
      },
    },
  };
  await using broken = await openTestGateway({ storage: breaking });
  await expect(broken.call(object("a"))).rejects.toThrow();
  expect((await broken.call(object("none"))).status).toBe(404);
});

test("a list goes on where the page before ended", async () => {
  await using t = await openTestGateway();
  for (let i = 0; i < 5; i++) await t.call(object(`p/${i}`), { method: "PUT", body: "x" });
  const keys: string[] = [];
  let cursor: string | null = "";
  while (cursor !== null) {
    const query = { prefix: "p/", limit: "2", ...(cursor === "" ? {} : { cursor }) };
    const page = (await t.call(list(query))).json() as { objects: { key: string }[]; cursor: string | null };
    expect(page.objects.length).toBeLessThanOrEqual(2);
    keys.push(...page.objects.map(({ key }) => key));
    ({ cursor } = page);
  }
  expect(keys).toEqual(["p/0", "p/1", "p/2", "p/3", "p/4"]);
  for (const bad of [{ limit: "0" }, { limit: "1001" }, { limit: "x" }, { cursor: "!" }]) {
    expect((await t.call(list({ prefix: "", ...bad } as Record<string, string>))).status).toBe(400);
  }
});

test("a presign is refused where it lives too long, has another method, or nobody signs", async () => {
  await using t = await openTestGateway();
  const presign = async (body: unknown) =>
    (await t.call("/v1/storage/presign", { method: "POST", body: JSON.stringify(body) })).json()["error"];
  expect(await presign({ ref: "a", expires_s: 86_401 })).toBe("bad_request");
  expect(await presign({ ref: "a", method: "PUT", expires_s: 3601 })).toBe("bad_request");
  expect(await presign({ ref: "a", method: "DELETE" })).toBe("bad_request");
  expect(await presign({ ref: "a", more: 1 })).toBe("bad_request");
  expect(await presign({})).toBe("bad_request");
  expect(await presign({ ref: "a" })).toBe("unsupported");
});
