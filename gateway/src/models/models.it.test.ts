import { createHash, randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openDiskObjects, type Objects } from "@hanzo-fn/blobs";
import { PlatformError } from "@hanzo-fn/contract";
import { systemClock } from "@hanzo-fn/lifecycle";
import { exportGraphs } from "@hanzo-fn/models";
import { tempDir } from "@hanzo-fn/testkit";
import { writeStandIn } from "@hanzo-fn/testkit/models";
import { expect, test } from "vitest";
import { openTestGateway } from "../test-setup.ts";
import { createModels } from "./models.ts";
import { createModelSources } from "./sources.ts";
import { openModelTrees } from "./tree.ts";

const signal = (): AbortSignal => AbortSignal.timeout(60_000);

async function openModels(wrap: (objects: Objects) => Objects = (objects) => objects) {
  const dir = await tempDir("hfm-");
  const disk = await openDiskObjects({ clock: systemClock }, { directory: join(dir.path, "objects") });
  await disk.ensureBucket("hanzo-models");
  const plain = join(dir.path, "plain");
  const root = join(dir.path, "models");
  const open = async () =>
    createModels(await openModelTrees(root, exportGraphs), createModelSources(wrap(disk), plain));
  const models = await open();
  return {
    models,
    open,
    root,
    plain,
    put: (key: string, content: string | Buffer) => disk.put("hanzo-models", key, Buffer.from(content)),
    async write(file: string, content: string) {
      const path = join(plain, file);
      await mkdir(join(path, ".."), { recursive: true });
      await writeFile(path, content);
    },
    async [Symbol.asyncDispose]() {
      models.close();
      await dir[Symbol.asyncDispose]();
    },
  };
}

test("a model of the operator's directory is taken in by content, and lies where others can read it", async () => {
  await using t = await openModels();
  await t.write("m/config.json", "{}");
  await t.write("m/onnx/model.onnx", "weights");
  await t.write("elsewhere", "linked");
  await symlink("../elsewhere", join(t.plain, "m/vocab.txt"));
  const model = await t.models.resolve("m", "acme", signal());
  expect(model.files.map(({ name, size }) => [name, size])).toEqual([
    ["config.json", 2],
    ["onnx/model.onnx", 7],
    ["vocab.txt", 6],
  ]);
  for (const { name, sha256 } of model.files) {
    const bytes = await readFile(join(model.path, name));
    expect(createHash("sha256").update(bytes).digest("hex")).toBe(sha256);
    expect((await stat(join(model.path, name))).mode & 0o777).toBe(0o444);
  }
  expect((await stat(join(model.path, "onnx"))).mode & 0o777).toBe(0o755);
  expect((await stat(join(t.root, "trees"))).mode & 0o777).toBe(0o711);
  expect(await t.models.resolve("m", "other", signal())).toEqual(model);
});

test("a model that changed is taken in anew, and the old one stays for those who use it", async () => {
  await using t = await openModels();
  await t.write("m/config.json", "1");
  const first = await t.models.resolve("m", "acme", signal());
  await t.write("m/config.json", "22");
  const second = await t.models.resolve("m", "acme", signal());
  expect(second.digest).not.toBe(first.digest);
  expect(await readFile(join(first.path, "config.json"), "utf8")).toBe("1");
  expect(await readFile(join(second.path, "config.json"), "utf8")).toBe("22");
});

test("models are looked for in order: the directory, the bucket, Hanzo's own, the organisation's", async () => {
  await using t = await openModels();
  const config = async (org = "acme") =>
    readFile(join((await t.models.resolve("m", org, signal())).path, "config.json"), "utf8");
  await expect(config()).rejects.toMatchObject({
    code: "not_found",
    message: `there is no model m: looked in ${t.plain}/m, s3://hanzo-models/m/, s3://hanzo-models/zen/m/, s3://hanzo-models/fine-tuned/acme/m/`,
  });
  await t.put("fine-tuned/acme/m/config.json", "tuned");
  expect(await config()).toBe("tuned");
  await expect(config("other")).rejects.toMatchObject({ code: "not_found" });
  await t.put("zen/m/config.json", "zen");
  expect(await config()).toBe("zen");
  await t.put("m/v2/safetensors/config.json", "v2");
  await t.put("m/v10/safetensors/config.json", "v10");
  expect(await config()).toBe("v10");
  await t.write("m/config.json", "mine");
  expect(await config()).toBe("mine");
});

test("a model of an architecture that is known gets its graphs, beside its safetensors and nowhere else", async () => {
  await using t = await openModels();
  await writeStandIn(join(t.plain, "m"), "distilbert-intent");
  const before = await readdir(join(t.plain, "m"));
  const model = await t.models.resolve("m", "acme", signal());
  expect(await readdir(join(t.plain, "m"))).toEqual(before);
  expect((await readdir(model.path)).toSorted()).toEqual([...before, "model.onnx"].toSorted());
  const graph = model.files.find(({ name }) => name === "model.onnx");
  const bytes = await readFile(join(model.path, "model.onnx"));
  expect(graph).toEqual({
    name: "model.onnx",
    size: bytes.length,
    sha256: createHash("sha256").update(bytes).digest("hex"),
  });
  expect((await stat(join(model.path, "model.onnx"))).mode & 0o777).toBe(0o444);
  expect(await (await t.open()).resolve("m", "acme", signal())).toEqual(model);
});

test.each([
  ["model.safetensors", "model.safetensors is not a whole safetensors file"],
  ["config.json", "config.json is no JSON"],
])("a broken %s is named, and leaves nothing behind", async (file, message) => {
  await using t = await openModels();
  await writeStandIn(join(t.plain, "m"), "distilbert-intent");
  const whole = await readFile(join(t.plain, "m", file));
  await writeFile(join(t.plain, "m", file), whole.subarray(0, whole.length - 2));
  await expect(t.models.resolve("m", "acme", signal())).rejects.toMatchObject({
    code: "unsupported",
    message: expect.stringContaining(message) as string,
  });
  expect(await readdir(join(t.root, "trees"))).toEqual([]);
  expect(await readdir(join(t.root, "incoming"))).toEqual([]);
  await writeFile(join(t.plain, "m", file), whole);
  expect((await t.models.resolve("m", "acme", signal())).files.map(({ name }) => name)).toContain(
    "model.onnx",
  );
});

test("pickled weights alone are refused", async () => {
  await using t = await openModels();
  await t.put("m/config.json", "{}");
  await t.put("m/pytorch_model.bin", "\x80\x04");
  await expect(t.models.resolve("m", "acme", signal())).rejects.toMatchObject({ code: "unsupported" });
});

test("many who ask at once share one download, and nothing is seen of it before its end", async () => {
  const opened: string[] = [];
  const held = Promise.withResolvers<void>();
  await using t = await openModels((objects) => ({
    ...objects,
    async get(bucket, key, options) {
      opened.push(key);
      await held.promise;
      return objects.get(bucket, key, options);
    },
  }));
  await t.put("m/config.json", "{}");
  const gone = new AbortController();
  const first = t.models.resolve("m", "acme", gone.signal);
  const others = Array.from({ length: 10 }, () => t.models.resolve("m", "acme", signal()));
  await expect.poll(() => opened.length).toBeGreaterThan(0);
  gone.abort(new Error("gave up"));
  await expect(first).rejects.toThrow("gave up");
  expect(await readdir(join(t.root, "trees"))).toEqual([]);
  held.resolve();
  expect(new Set((await Promise.all(others)).map(({ digest }) => digest)).size).toBe(1);
  expect(opened).toEqual(["m/config.json"]);
});

test("a download that breaks leaves nothing, and the next one succeeds", async () => {
  let broken = true;
  await using t = await openModels((objects) => ({
    ...objects,
    async get(bucket, key, options) {
      const content = await objects.get(bucket, key, options);
      if (broken) setImmediate(() => content.body.destroy(new Error("cut")));
      return content;
    },
  }));
  await t.put("m/model.safetensors", randomBytes(3_000_000));
  await expect(t.models.resolve("m", "acme", signal())).rejects.toThrow();
  for (const folder of ["trees", "index", "incoming"])
    expect(await readdir(join(t.root, folder))).toEqual([]);
  broken = false;
  expect((await t.models.resolve("m", "acme", signal())).files).toMatchObject([{ size: 3_000_000 }]);
});

test("what was taken in before is good enough while the object store is away, also after a start", async () => {
  let away = false;
  await using t = await openModels((objects) => ({
    ...objects,
    list: (bucket, options) =>
      away
        ? Promise.reject(new PlatformError("unavailable", "the store is away"))
        : objects.list(bucket, options),
  }));
  await t.put("m/v1/config.json", "{}");
  const before = await t.models.resolve("m", "acme", signal());
  away = true;
  expect(await t.models.resolve("m", "acme", signal())).toEqual(before);
  expect(await (await t.open()).resolve("m", "acme", signal())).toEqual(before);
  await expect(t.models.resolve("n", "acme", signal())).rejects.toMatchObject({ code: "unavailable" });
});

test("the gateway tells where a model lies, and streams its files", async () => {
  await using t = await openTestGateway();
  await mkdir(join(t.dir, "plain/m/onnx"), { recursive: true });
  await writeFile(join(t.dir, "plain/m/onnx/a b.onnx"), "0123456789");
  await writeFile(join(t.dir, "plain/m/empty"), "");
  const told = await t.call("/v1/models", { method: "POST", body: '{"name":"m"}' });
  expect(told.json()).toMatchObject({
    name: "m",
    digest: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    files: [{ name: "empty" }, { name: "onnx/a b.onnx", size: 10 }],
  });
  expect(await readFile(join(told.json()["path"] as string, "onnx/a b.onnx"), "utf8")).toBe("0123456789");
  const file = "/v1/models/m/files/onnx/a%20b.onnx";
  expect((await t.call(file)).body.toString()).toBe("0123456789");
  const part = await t.call(file, { headers: { range: "bytes=7-20" } });
  expect([part.status, part.body.toString(), part.headers["content-range"]]).toEqual([
    206,
    "789",
    "bytes 7-9/10",
  ]);
  expect((await t.call(file, { headers: { range: "bytes=10-" } })).status).toBe(416);
  expect((await t.call("/v1/models/m/files/empty")).headers["content-length"]).toBe("0");
  for (const path of ["none", "..%2f..%2fx", "onnx", "%E0%A4%A"]) {
    expect([400, 404]).toContain((await t.call(`/v1/models/m/files/${path}`)).status);
  }
  for (const name of ["../m", "none", "", ".."]) {
    const reply = await t.call("/v1/models", { method: "POST", body: JSON.stringify({ name }) });
    expect([400, 404], name).toContain(reply.status);
  }
});
