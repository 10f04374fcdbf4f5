import { inspect } from "node:util";
import { expect, it } from "vitest";
import { readContext } from "./kubeconfig-file.ts";

interface Parts {
  readonly cluster?: object;
  readonly user?: object;
  readonly context?: object;
  readonly current?: string;
}

const file = (name: string, { cluster = {}, user = {}, context = {}, current = "main" }: Parts = {}) => ({
  file: `/etc/kube/${name}`,
  text: JSON.stringify({
    clusters: [{ name: "c", cluster: { server: "https://api.example.test:6443", ...cluster } }],
    users: [{ name: "u", user }],
    contexts: [{ name: "main", context: { cluster: "c", user: "u", ...context } }],
    "current-context": current,
  }),
});

it("reads the current context, with files relative to the kubeconfig and data beside them first", () => {
  const { cluster, user, namespace } = readContext([
    file("config", {
      cluster: { "certificate-authority": "pki/ca.crt", "tls-server-name": "api" },
      user: {
        "client-certificate": "/abs/admin.crt",
        "client-key": "admin.key",
        "client-key-data": Buffer.from("KEY").toString("base64"),
        tokenFile: "token",
      },
      context: { namespace: "acme" },
    }),
  ]);
  expect(cluster).toMatchObject({
    server: "https://api.example.test:6443",
    ca: { file: "/etc/kube/pki/ca.crt" },
    serverName: "api",
  });
  expect(user).toMatchObject({
    cert: { file: "/abs/admin.crt" },
    key: { data: "KEY" },
    tokenFile: "/etc/kube/token",
  });
  expect(namespace).toBe("acme");
});

it("of several files the first that names an entry has it, and any context may be asked for", () => {
  const first = file("first", { user: { token: "one" }, current: "" });
  const second = {
    file: "/etc/kube/second",
    text: [
      "users: [{name: u, user: {token: two}}, {name: v, user: {token: three}}]",
      "contexts: [{name: other, context: {cluster: c, user: v}}]",
      "current-context: main",
    ].join("\n"),
  };
  expect(readContext([first, second]).user.token).toBe("one");
  expect(readContext([first, second], "other")).toMatchObject({
    name: "other",
    namespace: "default",
    user: { token: "three" },
  });
});

it("reads a credential plugin, and finds its program as kubectl does", () => {
  const exec = {
    apiVersion: "client.authentication.k8s.io/v1",
    command: "./bin/login",
    args: ["get", "token"],
    env: [{ name: "A", value: "1" }],
    provideClusterInfo: true,
  };
  expect(readContext([file("config", { user: { exec } })]).user.exec).toEqual({
    ...exec,
    command: "/etc/kube/bin/login",
    env: { A: "1" },
    installHint: undefined,
  });
  const named = { ...exec, command: "login" };
  expect(readContext([file("config", { user: { exec: named } })]).user.exec?.command).toBe("login");
});

it("reads whom to impersonate", () => {
  const user = {
    as: "jane",
    "as-groups": ["dev", "ops"],
    "as-uid": "7",
    "as-user-extra": { "example.test/team": ["red"] },
  };
  expect(readContext([file("config", { user })]).user.impersonate).toEqual({
    "impersonate-user": "jane",
    "impersonate-group": ["dev", "ops"],
    "impersonate-uid": "7",
    "impersonate-extra-example.test%2Fteam": ["red"],
  });
});

it.each([
  ["no context", { current: "" }, /names no current-context/],
  ["a context that is not there", { current: "gone" }, /has no context named "gone"/],
  ["a cluster that is not there", { context: { cluster: "gone" } }, /has no cluster named "gone"/],
  ["a user that is not there", { context: { user: "gone" } }, /has no user named "gone"/],
  ["no server", { cluster: { server: "" } }, /has no server's URL/],
  ["a proxy", { cluster: { "proxy-url": "socks5://p" } }, /proxy \(proxy-url\), which is not supported/],
  [
    "an old kind of login",
    { user: { "auth-provider": { name: "oidc" } } },
    /auth-provider "oidc", which is not supported/,
  ],
  ["a plugin without a program", { user: { exec: { args: [] } } }, /exec without a command/],
] as const)("says what is wrong and what to do: %s", (_, parts, message) => {
  let caught: unknown;
  try {
    readContext([file("config", parts)]);
  } catch (error) {
    caught = error;
  }
  expect(caught).toMatchObject({
    code: "cluster_refused",
    message: expect.stringMatching(message),
    next: expect.any(String),
  });
});

it("a file that is no YAML is named, and nothing of it is shown", () => {
  let caught: unknown;
  try {
    readContext([{ file: "/etc/kube/config", text: "users:\n- token: 'hunter2\n\tx: {" }]);
  } catch (error) {
    caught = error;
  }
  expect(caught).toMatchObject({
    code: "cluster_refused",
    message: expect.stringContaining("/etc/kube/config is no YAML"),
  });
  expect(inspect(caught, { depth: 9 })).not.toContain("hunter2");
});
