import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createFileSecrets } from "./file.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "hanzo-fn-secrets-"));
});
afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});
const open = () => createFileSecrets({ clock: { now: () => 5000 } }, { file: join(dir, "secrets.json") });

describe("createFileSecrets", () => {
  it("gives back what was set, also after a restart, and shows it to nobody", async () => {
    await open().set("acme", "api-key", "planted-value");
    const found = await open().get("acme", "api-key");
    expect(found?.value.reveal()).toBe("planted-value");
    expect(found?.version).toBe("1");
    expect(inspect(found) + JSON.stringify(found)).not.toContain("planted-value");
    for (const name of await readdir(dir)) {
      expect(await readFile(join(dir, name), "latin1")).not.toContain("planted-value");
      expect((await stat(join(dir, name))).mode & 0o777).toBe(0o600);
    }
  });
  it("keeps organisations apart, lists names and times only, and forgets", async () => {
    const secrets = open();
    await secrets.set("acme", "b", "1");
    await secrets.set("acme", "a", "2");
    await secrets.set("zoo", "c", "3");
    expect(await secrets.get("zoo", "a")).toBeUndefined();
    expect(await secrets.list("acme")).toEqual([
      { name: "a", updatedAt: new Date(5000) },
      { name: "b", updatedAt: new Date(5000) },
    ]);
    expect(await secrets.unset("acme", "a")).toBe(true);
    expect(await secrets.unset("acme", "a")).toBe(false);
    expect(await secrets.get("acme", "a")).toBeUndefined();
  });
  it("loses none of many concurrent writes, and counts versions", async () => {
    const secrets = open();
    await Promise.all(
      Array.from({ length: 20 }, (_, index) => secrets.set("acme", `s${index}`, String(index))),
    );
    await secrets.set("acme", "s3", "new");
    expect(await secrets.list("acme")).toHaveLength(20);
    expect(await secrets.get("acme", "s3")).toMatchObject({ version: "2" });
  });
  it("does not read half a file that a crash left beside it", async () => {
    const secrets = open();
    await secrets.set("acme", "a", "1");
    await writeFile(join(dir, "secrets.json.crashed"), '{"entries": [');
    expect((await open().get("acme", "a"))?.value.reveal()).toBe("1");
  });
  it("refuses a value that was moved to another name, or changed", async () => {
    const secrets = open();
    await secrets.set("acme", "a", "1");
    const file = join(dir, "secrets.json");
    await writeFile(file, (await readFile(file, "utf8")).replace('"name":"a"', '"name":"b"'));
    await expect(secrets.get("acme", "b")).rejects.toMatchObject({ code: "secrets_unavailable" });
  });
});
