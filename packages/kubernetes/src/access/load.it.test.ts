import { chmod, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { inspect } from "node:util";
import { KubeConfig } from "@kubernetes/client-node";
import { createFakeClock, tempDir } from "@hanzo-fn/testkit";
import { systemClock } from "@hanzo-fn/lifecycle";
import { expect, it } from "vitest";
import { kubeconfigAccess } from "./load.ts";

const never = new AbortController().signal;

async function writeConfig(folder: string, user: object, cluster: object = {}): Promise<string> {
  const file = path.join(folder, "config");
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "c", cluster: { server: "https://api.example.test:6443", ...cluster } }],
    users: [{ name: "u", user }],
    contexts: [{ name: "main", context: { cluster: "c", user: "u", namespace: "acme" } }],
    "current-context": "main",
  };
  await writeFile(file, JSON.stringify(config));
  return file;
}

/** A credential plugin that counts its runs, and writes down what it was told. */
async function writePlugin(folder: string, body: string): Promise<string> {
  const file = path.join(folder, "plugin");
  await writeFile(
    file,
    `#!/bin/sh\necho run >> "${folder}/runs"\nprintf %s "$KUBERNETES_EXEC_INFO" > "${folder}/info"\n${body}\n`,
  );
  await chmod(file, 0o755);
  return "./plugin";
}

const credential = (status: object): string =>
  JSON.stringify({ apiVersion: "client.authentication.k8s.io/v1", kind: "ExecCredential", status });
const runsOf = async (folder: string): Promise<number> =>
  (await readFile(path.join(folder, "runs"), "utf8")).trim().split("\n").length;
const environment = { PATH: process.env["PATH"] };

it("reads a kubeconfig as @kubernetes/client-node does: server, authority, certificate, key, token", async () => {
  await using dir = await tempDir("hanzo-fn-kubeconfig-");
  await writeFile(path.join(dir.path, "admin.key"), "KEY");
  const user = {
    "client-certificate-data": Buffer.from("CERT").toString("base64"),
    "client-key": "admin.key",
    token: "t",
  };
  const file = await writeConfig(dir.path, user, {
    "certificate-authority-data": Buffer.from("CA").toString("base64"),
    "tls-server-name": "api",
  });
  const theirs = new KubeConfig();
  theirs.loadFromFile(file);
  const options: Parameters<KubeConfig["applyToHTTPSOptions"]>[0] = {};
  await theirs.applyToHTTPSOptions(options);

  const ours = await kubeconfigAccess(systemClock, { files: [file], environment: {} });
  const { authorization, cert, key } = await ours.credentials.current(never);
  expect(`${ours.server.origin}`).toBe(theirs.getCurrentCluster()!.server);
  expect([ours.ca, ours.serverName, cert, key?.reveal()]).toEqual([
    String(options.ca),
    options.servername,
    String(options.cert),
    String(options.key),
  ]);
  expect(authorization?.reveal()).toBe((options.headers as Record<string, string>)["Authorization"]);
  expect(ours.namespace).toBe("acme");
  expect(ours.credentials.renew()).toBe(false);
});

it("asks a credential plugin once for many calls, tells it the cluster, and asks again shortly before the end", async () => {
  await using dir = await tempDir("hanzo-fn-plugin-");
  const clock = createFakeClock();
  const status = { token: "hunter2", expirationTimestamp: new Date(60_000).toISOString() };
  const command = await writePlugin(dir.path, `echo '${credential(status)}'`);
  const exec = {
    apiVersion: "client.authentication.k8s.io/v1",
    command,
    env: [{ name: "A", value: "1" }],
    provideClusterInfo: true,
  };
  const file = await writeConfig(
    dir.path,
    { exec },
    { "certificate-authority-data": Buffer.from("CA").toString("base64") },
  );
  const { credentials } = await kubeconfigAccess(clock, { files: [file], environment });
  const asked = await Promise.all(Array.from({ length: 5 }, () => credentials.current(never)));
  expect(asked.map(({ authorization }) => authorization?.reveal())).toEqual(Array(5).fill("Bearer hunter2"));
  expect(await runsOf(dir.path)).toBe(1);
  expect(JSON.parse(await readFile(path.join(dir.path, "info"), "utf8"))).toEqual({
    apiVersion: "client.authentication.k8s.io/v1",
    kind: "ExecCredential",
    spec: {
      interactive: false,
      cluster: {
        server: "https://api.example.test:6443",
        "certificate-authority-data": Buffer.from("CA").toString("base64"),
      },
    },
  });
  await clock.advance(49_000);
  await credentials.current(never);
  expect(await runsOf(dir.path)).toBe(1);
  await clock.advance(2000);
  await credentials.current(never);
  expect(await runsOf(dir.path)).toBe(2);
  expect(credentials.renew()).toBe(true);
  await credentials.current(never);
  expect(await runsOf(dir.path)).toBe(3);
});

it("takes a certificate from a plugin", async () => {
  await using dir = await tempDir("hanzo-fn-plugin-");
  const command = await writePlugin(
    dir.path,
    `echo '${credential({ clientCertificateData: "CERT", clientKeyData: "KEY" })}'`,
  );
  const { credentials } = await kubeconfigAccess(systemClock, {
    files: [await writeConfig(dir.path, { exec: { command } })],
    environment,
  });
  const { cert, key, authorization } = await credentials.current(never);
  expect([cert, key?.reveal(), authorization]).toEqual(["CERT", "KEY", undefined]);
});

it.each([
  [
    "fails",
    "echo 'no session: log in first' >&2; echo hunter2; exit 3",
    "cluster_unavailable",
    /plugin failed with exit code 3: no session: log in first/,
  ],
  ["prints nonsense", "echo hunter2", "cluster_refused", /plugin printed no JSON/],
  [
    "gives nothing",
    `echo '{"kind":"ExecCredential","secret":"hunter2"}'`,
    "cluster_refused",
    /gave neither a token nor a certificate/,
  ],
] as const)(
  "a plugin that %s is named with the reason, and what it printed is not shown",
  async (_, body, code, message) => {
    await using dir = await tempDir("hanzo-fn-plugin-");
    const exec = { command: await writePlugin(dir.path, body) };
    const { credentials } = await kubeconfigAccess(systemClock, {
      files: [await writeConfig(dir.path, { exec })],
      environment,
    });
    const error = await credentials.current(never).catch((error: unknown) => error);
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
    expect(inspect(error, { depth: 9 })).not.toContain("hunter2");
  },
);

it("a plugin that is not installed is named with its own hint", async () => {
  await using dir = await tempDir("hanzo-fn-plugin-");
  const exec = { command: "no-such-plugin", installHint: "apt install no-such-plugin" };
  const { credentials } = await kubeconfigAccess(systemClock, {
    files: [await writeConfig(dir.path, { exec })],
    environment,
  });
  await expect(credentials.current(never)).rejects.toMatchObject({
    code: "cluster_refused",
    next: "apt install no-such-plugin",
  });
});

it("an abort does not wait for a plugin that hangs", async () => {
  await using dir = await tempDir("hanzo-fn-plugin-");
  const exec = { command: await writePlugin(dir.path, "exec sleep 2") };
  const { credentials } = await kubeconfigAccess(systemClock, {
    files: [await writeConfig(dir.path, { exec })],
    environment,
  });
  const abort = new AbortController();
  const asking = credentials.current(abort.signal);
  abort.abort(new Error("stopping"));
  await expect(asking).rejects.toThrow("stopping");
});

it("reads a token file again after a minute, and at once when the token was refused", async () => {
  await using dir = await tempDir("hanzo-fn-token-");
  const clock = createFakeClock();
  const write = (token: string): Promise<void> => writeFile(path.join(dir.path, "token"), `${token}\n`);
  const { credentials } = await kubeconfigAccess(clock, {
    files: [await writeConfig(dir.path, { tokenFile: "token" })],
    environment: {},
  });
  const token = async (): Promise<string | undefined> =>
    (await credentials.current(never)).authorization?.reveal();
  await expect(token()).rejects.toMatchObject({
    code: "cluster_refused",
    message: expect.stringContaining("cannot be read"),
  });
  await write("one");
  expect(await token()).toBe("Bearer one");
  await write("two");
  expect(await token()).toBe("Bearer one");
  await clock.advance(60_000);
  expect(await token()).toBe("Bearer two");
  await write("three");
  expect(credentials.renew()).toBe(true);
  expect(await token()).toBe("Bearer three");
});

it("a file that is not there is named", async () => {
  await expect(
    kubeconfigAccess(systemClock, { files: ["/no/such/config"], environment: {} }),
  ).rejects.toMatchObject({
    code: "cluster_refused",
    message: "/no/such/config cannot be read: ENOENT",
  });
});
