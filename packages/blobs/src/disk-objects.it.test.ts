import { systemClock } from "@hanzo-fn/lifecycle";
import { tempDir } from "@hanzo-fn/testkit";
import { mkdir, readdir, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { expect, test } from "vitest";
import { createUrlSigner, openDiskObjects } from "./index.ts";
import { exerciseObjects } from "./objects-conformance.ts";

const deps = { clock: systemClock };
const signer = createUrlSigner({ baseUrl: "http://127.0.0.1:8061/objects", secret: Buffer.from("secret") });

exerciseObjects("objects on disk", async () => {
  const dir = await tempDir();
  const directory = path.join(dir.path, "objects");
  const objects = await openDiskObjects(deps, { directory, signer });
  return {
    objects,
    leftovers: () => readdir(path.join(directory, "incoming")),
    [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose](),
  };
});

test("objects on disk: a key may lie below another one", async () => {
  await using dir = await tempDir();
  const objects = await openDiskObjects(deps, { directory: dir.path });
  await objects.ensureBucket("acme-data");
  const keys = ["a", "a-b", "a/b", "a/b/c", "a0"];
  for (const key of keys) await objects.put("acme-data", key, Buffer.from(key));
  expect((await objects.list("acme-data")).objects.map(({ key }) => key)).toEqual(keys);
});

test("objects on disk: nothing lies outside, no other user may look in, and what a killed process left goes", async () => {
  await using dir = await tempDir();
  const directory = path.join(dir.path, "objects");
  await mkdir(path.join(directory, "incoming"), { recursive: true });
  await writeFile(path.join(directory, "incoming/half"), "half");
  const objects = await openDiskObjects(deps, { directory });
  expect(await readdir(path.join(directory, "incoming"))).toEqual([]);
  await objects.ensureBucket("acme-data");
  await objects.put("acme-data", "...", Buffer.from("x"));
  await objects.put("acme-data", "..%2f..%2fx", Buffer.from("x"));
  expect(await readdir(dir.path)).toEqual(["objects"]);
  for (const folder of ["", "buckets", "incoming", "buckets/acme-data"]) {
    expect((await stat(path.join(directory, folder))).mode & 0o777).toBe(0o700);
  }
});

test("objects on disk: without a signer there are no signed URLs, and it says so", async () => {
  await using dir = await tempDir();
  const objects = await openDiskObjects(deps, { directory: dir.path });
  await expect(
    objects.presign("acme-data", "a", { method: "GET", expiresSeconds: 60 }),
  ).rejects.toMatchObject({ code: "unsupported" });
});

test("objects on disk: deletes and puts beside each other in one folder do not disturb each other", async () => {
  await using dir = await tempDir();
  const objects = await openDiskObjects(deps, { directory: dir.path });
  await objects.ensureBucket("acme-data");
  await Promise.all(
    Array.from({ length: 8 }, async (_, i) => {
      for (let round = 0; round < 20; round++) {
        await objects.put("acme-data", `x/y/${i}`, Buffer.from([round]));
        await objects.delete("acme-data", `x/y/${i}`);
      }
      await objects.put("acme-data", `x/y/${i}`, Buffer.from("end"));
    }),
  );
  expect((await objects.list("acme-data", { prefix: "x/" })).objects).toHaveLength(8);
});
