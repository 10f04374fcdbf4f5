import { mkdir, stat, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { tempDir } from "@hanzo-fn/testkit";
import { expect, it } from "vitest";
import { contextPath, readContexts, saveContext } from "./contexts.ts";

it("the file stands below XDG_CONFIG_HOME, else below the home", () => {
  expect(contextPath({ XDG_CONFIG_HOME: "/x", HOME: "/h" })).toBe("/x/hanzo-fn/contexts.json");
  expect(contextPath({ HOME: "/h" })).toBe("/h/.config/hanzo-fn/contexts.json");
});

it("there are no contexts before the first is saved", async () => {
  await using dir = await tempDir();
  expect(await readContexts({ XDG_CONFIG_HOME: dir.path })).toEqual({ contexts: {} });
});

it("a saved context is for its owner's eyes only", async () => {
  await using dir = await tempDir();
  const env = { XDG_CONFIG_HOME: dir.path };
  await saveContext(env, "a", { server: "http://a", token: "t" }, true);
  expect((await stat(contextPath(env))).mode & 0o777).toBe(0o600);
  expect((await stat(dirname(contextPath(env)))).mode & 0o777).toBe(0o700);
});

it("the first context is the current one, a later one only where that is asked for", async () => {
  await using dir = await tempDir();
  const env = { XDG_CONFIG_HOME: dir.path };
  await saveContext(env, "a", { server: "http://a" }, false);
  await saveContext(env, "b", { server: "http://b" }, false);
  expect((await readContexts(env)).current).toBe("a");
  await saveContext(env, "c", { server: "http://c" }, true);
  expect(await readContexts(env)).toEqual({
    current: "c",
    contexts: { a: { server: "http://a" }, b: { server: "http://b" }, c: { server: "http://c" } },
  });
});

it.each(["{", "[]", "null", '{"contexts":null}'])(
  "a file that holds %s is named in the error",
  async (text) => {
    await using dir = await tempDir();
    const env = { XDG_CONFIG_HOME: dir.path };
    await mkdir(dirname(contextPath(env)));
    await writeFile(contextPath(env), text);
    await expect(readContexts(env)).rejects.toThrow(`${contextPath(env)} cannot be read`);
  },
);
