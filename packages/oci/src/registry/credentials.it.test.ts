import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { tempDir } from "@hanzo-fn/testkit";
import { expect, it, onTestFinished } from "vitest";
import { dockerConfigCredentials } from "./credentials.ts";

const signal = AbortSignal.timeout(600_000);
const base64 = (text: string): string => Buffer.from(text).toString("base64");

async function written(config: unknown) {
  const dir = await tempDir();
  const file = join(dir.path, "config.json");
  await writeFile(file, typeof config === "string" ? config : JSON.stringify(config));
  const of = (host: string) => dockerConfigCredentials(file)(host, signal);
  return { dir, of, [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose]() };
}

it("logins stand under hosts or under URLs, and for Docker's registry under its old name", async () => {
  await using config = await written({
    auths: {
      "registry.example.com:5000": { auth: base64("user:pass:word") },
      "https://other.example.com/v2/": { username: "u", password: "p" },
      "https://index.docker.io/v1/": { identitytoken: "identity" },
      "bearer.example.com": { registrytoken: "token" },
    },
  });
  expect(await config.of("registry.example.com:5000")).toEqual({
    kind: "password",
    username: "user",
    password: "pass:word",
  });
  expect(await config.of("other.example.com")).toMatchObject({ username: "u", password: "p" });
  expect(await config.of("docker.io")).toEqual({ kind: "identity", token: "identity" });
  expect(await config.of("bearer.example.com")).toEqual({ kind: "bearer", token: "token" });
  expect(await config.of("registry.example.com")).toBeUndefined();
});

it("a file that is not there is no login, one that is no JSON is told without its contents", async () => {
  await using config = await written("secret{");
  const missing = dockerConfigCredentials(join(config.dir.path, "none.json"));
  expect(await missing("a.example.com", signal)).toBeUndefined();
  await expect(config.of("a.example.com")).rejects.toMatchObject({
    code: "registry_refused",
    message: expect.not.stringContaining("secret"),
  });
});

it("helpers are asked for their hosts, and the general one for all others", async () => {
  await using config = await written({
    credHelpers: {
      "a.example.com": "test-one",
      "b.example.com": "test-none",
      "c.example.com": "test-broken",
    },
    credsStore: "test-store",
  });
  const helper = async (name: string, script: string): Promise<void> => {
    const file = join(config.dir.path, `docker-credential-${name}`);
    await writeFile(file, `#!/bin/sh\nread host\n${script}\n`);
    await chmod(file, 0o755);
  };
  await helper("test-one", `echo "{\\"Username\\":\\"$host\\",\\"Secret\\":\\"s\\"}"`);
  await helper("test-none", "echo credentials not found in native keychain; exit 1");
  await helper("test-broken", "echo a-secret >&2; exit 3");
  await helper("test-store", `echo '{"Username":"<token>","Secret":"refresh"}'`);
  const { PATH } = process.env;
  process.env["PATH"] = `${config.dir.path}:${PATH}`;
  onTestFinished(() => void (process.env["PATH"] = PATH));
  expect(await config.of("a.example.com")).toEqual({
    kind: "password",
    username: "a.example.com",
    password: "s",
  });
  expect(await config.of("b.example.com")).toBeUndefined();
  expect(await config.of("d.example.com")).toEqual({ kind: "identity", token: "refresh" });
  await expect(config.of("c.example.com")).rejects.toMatchObject({
    message: expect.stringMatching(/docker-credential-test-broken failed \(3\)$/),
  });
});
