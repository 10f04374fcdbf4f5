import { createServer } from "node:https";
import { once } from "node:events";
import { mkdir, writeFile, readFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { json } from "node:stream/consumers";
import { systemClock } from "@hanzo-fn/lifecycle";
import { makeCertificate, tempDir } from "@hanzo-fn/testkit";
import { expect, it } from "vitest";
import { CONFIG_MAPS, configMap, NAMESPACES, SERVICES } from "../test/kinds.ts";
import { clientOf, newNamespace, realServer, useRealServer } from "../test/real-server.ts";
import {
  createKubernetes,
  inClusterAccess,
  type Kind,
  kubeconfigAccess,
  type KubeObject,
  statusOf,
} from "./index.ts";

useRealServer();
const OURS = { fieldManager: "hanzo-functions/deploy" };

interface Review extends KubeObject {
  readonly status?: { readonly userInfo: { readonly username: string } };
}
const REVIEWS: Kind<Review> = {
  apiVersion: "authentication.k8s.io/v1",
  kind: "SelfSubjectReview",
  plural: "selfsubjectreviews",
  namespaced: false,
};
const review = { apiVersion: REVIEWS.apiVersion, kind: REVIEWS.kind, metadata: {} as { name: string } };

async function setUp() {
  const client = clientOf();
  const { kubernetes, signal } = client;
  return { ...client, namespace: await newNamespace(kubernetes, signal) };
}

it("gets in with the client certificate of a kubeconfig, and says what the server is and serves", async () => {
  const log = { debug: () => {}, warn: () => {} };
  const config = await kubeconfigAccess(systemClock, { files: [realServer().kubeconfig], environment: {} });
  const kubernetes = createKubernetes({ config, clock: systemClock, log });
  const { signal } = new AbortController();
  expect((await kubernetes.create(REVIEWS, review, {}, signal)).status?.userInfo.username).toBe("admin");
  expect((await kubernetes.version(signal)).gitVersion).toMatch(/^v1\.\d+\.\d+/);
  expect(kubernetes.namespace).toBe("default");
  expect((await kubernetes.groups(signal)).get("apps")).toEqual(["v1"]);
  const core = await kubernetes.discover("v1", signal);
  expect(core?.find(({ name }) => name === "configmaps")).toMatchObject({
    kind: "ConfigMap",
    namespaced: true,
  });
  expect(await kubernetes.discover("serving.knative.dev/v1", signal)).toBeUndefined();
  kubernetes.close();
});

it("gets in with the token of a service account, as a pod has it, and reads it again when it is refused", async () => {
  using client = clientOf();
  const { kubernetes, signal } = client;
  const namespace = await newNamespace(kubernetes, signal);
  const account = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "platform", namespace } };
  const accounts: Kind = {
    apiVersion: "v1",
    kind: "ServiceAccount",
    plural: "serviceaccounts",
    namespaced: true,
  };
  await kubernetes.create(accounts, account, {}, signal);
  const requests: Kind<KubeObject & { status?: { token: string } }> = {
    ...{ apiVersion: "v1", kind: "TokenRequest", namespaced: true },
    plural: "serviceaccounts/platform/token",
  };
  const request = {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenRequest",
    metadata: { name: "platform", namespace },
  };
  const granted = await kubernetes.create(requests, request, {}, signal);

  await using dir = await tempDir("hanzo-fn-account-");
  await mkdir(dir.path, { recursive: true });
  await writeFile(path.join(dir.path, "ca.crt"), realServer().ca);
  await writeFile(path.join(dir.path, "namespace"), namespace);
  await writeFile(path.join(dir.path, "token"), "an-old-one");
  const { hostname: host, port } = new URL(realServer().url);
  const config = await inClusterAccess(systemClock, { host, port, folder: dir.path });
  const pod = createKubernetes({ config, clock: systemClock, log: client.log });
  await expect(pod.create(REVIEWS, review, {}, signal)).rejects.toMatchObject({ code: "cluster_refused" });
  await writeFile(path.join(dir.path, "token"), `${granted.status!.token}\n`);
  expect((await pod.create(REVIEWS, review, {}, signal)).status?.userInfo.username).toBe(
    `system:serviceaccount:${namespace}:platform`,
  );
  expect(pod.namespace).toBe(namespace);
  pod.close();
});

it("applies: creates, changes only what is ours, and takes back what we no longer say", async () => {
  using test = await setUp();
  const { kubernetes, signal, namespace } = test;
  await kubernetes.apply(CONFIG_MAPS, configMap(namespace, "a", { one: "1", two: "2" }), OURS, signal);
  await kubernetes.apply(
    CONFIG_MAPS,
    configMap(namespace, "a", { other: "x" }),
    { fieldManager: "another" },
    signal,
  );
  const after = await kubernetes.apply(CONFIG_MAPS, configMap(namespace, "a", { one: "1" }), OURS, signal);
  expect(after.data).toEqual({ one: "1", other: "x" });
});

it("a dry run says what would be, and leaves nothing", async () => {
  using test = await setUp();
  const { kubernetes, signal, namespace } = test;
  const object = configMap(namespace, "a", { one: "1" });
  expect((await kubernetes.apply(CONFIG_MAPS, object, { ...OURS, dryRun: true }, signal)).data).toEqual({
    one: "1",
  });
  expect((await kubernetes.create(CONFIG_MAPS, object, { dryRun: true }, signal)).metadata.uid).toBeDefined();
  const missing = await kubernetes.get(CONFIG_MAPS, object.metadata, signal).catch((error: unknown) => error);
  expect(missing).toMatchObject({ code: "object_not_found" });
  expect(statusOf(missing)?.details).toMatchObject({ name: "a", kind: "configmaps" });
});

it("a conflicting field owner is named with its fields, the neighbour is applied, and force takes them", async () => {
  using test = await setUp();
  const { kubernetes, signal, namespace } = test;
  const edited = configMap(namespace, "a", { one: "theirs", two: "theirs" });
  await kubernetes.create(CONFIG_MAPS, edited, { fieldManager: "kubectl-edit" }, signal);
  const wish = configMap(namespace, "a", { one: "ours", two: "ours" });
  const [conflict, neighbour] = await Promise.all([
    kubernetes.apply(CONFIG_MAPS, wish, OURS, signal).catch((error: unknown) => error),
    kubernetes.apply(CONFIG_MAPS, configMap(namespace, "b", { one: "ours" }), OURS, signal),
  ]);
  expect(conflict).toMatchObject({
    code: "field_conflict",
    message: `apply ConfigMap ${namespace}/a: "kubectl-edit" owns .data.one, .data.two`,
  });
  expect(neighbour.data).toEqual({ one: "ours" });
  expect((await kubernetes.apply(CONFIG_MAPS, wish, { ...OURS, force: true }, signal)).data).toEqual(
    wish.data,
  );
});

it("a rejection by a webhook is shown word for word, and the neighbour is applied", async () => {
  using test = await setUp();
  const { kubernetes, signal, namespace } = test;
  await using webhook = await startWebhook(
    'containers must not be called "Ø"; see https://example.test/rule?a=1&b=<2>',
  );
  const hooks: Kind = {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingWebhookConfiguration",
    plural: "validatingwebhookconfigurations",
    namespaced: false,
  };
  const hook = { name: "rule.example.test", ...webhookRules(namespace), clientConfig: webhook.clientConfig };
  const configuration = {
    apiVersion: hooks.apiVersion,
    kind: hooks.kind,
    metadata: { name: namespace },
    webhooks: [hook],
  };
  await kubernetes.create(hooks, configuration, {}, signal);
  const wish = configMap(namespace, "bad");
  const refused = async (): Promise<unknown> => {
    // The server takes up a new webhook a moment later.
    for (;;) {
      const error = await kubernetes.apply(CONFIG_MAPS, wish, { ...OURS, dryRun: true }, signal).then(
        () => undefined,
        (error: unknown) => error,
      );
      if (error !== undefined) return error;
    }
  };
  expect(await refused()).toMatchObject({
    code: "object_rejected",
    message: `apply ConfigMap ${namespace}/bad: admission webhook "rule.example.test" denied the request: ${webhook.says}`,
  });
  await kubernetes.apply(SERVICES, service(namespace, "good"), OURS, signal);
  const elsewhere = await newNamespace(kubernetes, signal);
  await kubernetes.apply(CONFIG_MAPS, configMap(elsewhere, "good"), OURS, signal);
  await kubernetes.delete(hooks, { name: namespace }, {}, signal);
});

it("a webhook that cannot be reached is the cluster's failure, not the object's", async () => {
  using test = await setUp();
  const { namespace } = test;
  using client = clientOf({ attempts: 1 });
  const { kubernetes, signal } = client;
  const hooks: Kind = {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingWebhookConfiguration",
    plural: "validatingwebhookconfigurations",
    namespaced: false,
  };
  const hook = {
    name: "away.example.test",
    ...webhookRules(namespace),
    clientConfig: { url: "https://127.0.0.1:1/" },
  };
  await kubernetes.create(
    hooks,
    {
      apiVersion: hooks.apiVersion,
      kind: hooks.kind,
      metadata: { name: namespace },
      webhooks: [hook],
    } as KubeObject,
    {},
    signal,
  );
  const fails = async (): Promise<unknown> => {
    for (;;) {
      const error = await kubernetes
        .apply(CONFIG_MAPS, configMap(namespace, "a"), { ...OURS, dryRun: true }, signal)
        .then(
          () => undefined,
          (error: unknown) => error,
        );
      if (error !== undefined) return error;
    }
  };
  expect(await fails()).toMatchObject({
    code: "cluster_unavailable",
    message: expect.stringContaining('failed calling webhook "away.example.test"'),
  });
  await kubernetes.delete(hooks, { name: namespace }, {}, signal);
});

it("what the validation says is shown: a field that is not there, and one that is wrong", async () => {
  using test = await setUp();
  const { kubernetes, signal, namespace } = test;
  const misspelt = { ...configMap(namespace, "a"), dta: { one: "1" } };
  await expect(kubernetes.create(CONFIG_MAPS, misspelt, {}, signal)).rejects.toMatchObject({
    code: "object_rejected",
    message: expect.stringContaining('unknown field "dta"'),
  });
  await expect(
    kubernetes.create(CONFIG_MAPS, configMap(namespace, "NotAName"), {}, signal),
  ).rejects.toMatchObject({
    code: "object_rejected",
    details: [{ path: "metadata.name" }],
  });
});

it("a refusal by RBAC names verb and resource, and what may be done is done", async () => {
  using client = clientOf({ token: realServer().nobodyToken });
  const { kubernetes, signal } = client;
  await expect(kubernetes.apply(CONFIG_MAPS, configMap("default", "a"), OURS, signal)).rejects.toMatchObject({
    code: "cluster_refused",
    message:
      'apply ConfigMap default/a: "nobody" lacks the verb "patch" on resource "configmaps" in namespace "default"',
  });
  await expect(kubernetes.list(CONFIG_MAPS, {}, signal)).rejects.toMatchObject({
    message: 'list configmaps: "nobody" lacks the verb "list" on resource "configmaps" in all namespaces',
  });
  await kubernetes.version(signal);
});

it("unknown credentials are refused, and never shown", async () => {
  using client = clientOf({ token: "hunter2" });
  const error = await client.kubernetes.version(client.signal).catch((error: unknown) => error);
  expect(error).toMatchObject({
    code: "cluster_refused",
    message: "get /version: the API server does not know our credentials",
  });
  expect(JSON.stringify(error)).not.toContain("hunter2");
});

it("a server with another certificate than we trust is not spoken to", async () => {
  await using other = await makeCertificate();
  const { url } = realServer();
  const { fixedAccess } = await import("../test/setup.ts");
  const kubernetes = createKubernetes({
    config: fixedAccess(url, { ca: other.pem }),
    clock: systemClock,
    log: { debug() {}, warn() {} },
  });
  await expect(kubernetes.version(new AbortController().signal)).rejects.toMatchObject({
    code: "cluster_refused",
    message: expect.stringContaining("is not trusted"),
  });
  kubernetes.close();
});

it("patches by merge, by operations, and the status beside the rest", async () => {
  using test = await setUp();
  const { kubernetes, signal, namespace } = test;
  const ref = { namespace, name: "web" };
  const draft = service(namespace, "web");
  await kubernetes.create(SERVICES, { ...draft, spec: { ...draft.spec, type: "LoadBalancer" } }, {}, signal);
  const merge = { metadata: { labels: { app: "web" } } };
  expect(
    (await kubernetes.patch(SERVICES, ref, { type: "merge", merge }, {}, signal)).metadata.labels,
  ).toEqual({ app: "web" });
  const operations = [{ op: "replace", path: "/spec/ports/0/port", value: 81 }];
  expect(
    (await kubernetes.patch(SERVICES, ref, { type: "json", operations }, {}, signal)).spec?.ports[0]?.port,
  ).toBe(81);
  const status = { status: { loadBalancer: { ingress: [{ ip: "198.18.0.9" }] } }, spec: { ports: [] } };
  const after = await kubernetes.patchStatus(SERVICES, ref, { type: "merge", merge: status }, {}, signal);
  expect(after.status?.loadBalancer?.ingress).toMatchObject([{ ip: "198.18.0.9" }]);
  expect(after.spec?.ports).toHaveLength(1);
});

it("replaces only the version that it read", async () => {
  using test = await setUp();
  const { kubernetes, signal, namespace } = test;
  const first = await kubernetes.create(CONFIG_MAPS, configMap(namespace, "a", { n: "1" }), {}, signal);
  await kubernetes.replace(CONFIG_MAPS, { ...first, data: { n: "2" } }, {}, signal);
  await expect(
    kubernetes.replace(CONFIG_MAPS, { ...first, data: { n: "3" } }, {}, signal),
  ).rejects.toMatchObject({ code: "object_conflict" });
  await expect(kubernetes.create(CONFIG_MAPS, configMap(namespace, "a"), {}, signal)).rejects.toMatchObject({
    code: "object_conflict",
  });
});

it("deletes the very object that is meant, and takes one that is gone for deleted", async () => {
  using test = await setUp();
  const { kubernetes, signal, namespace } = test;
  const made = await kubernetes.create(CONFIG_MAPS, configMap(namespace, "a"), {}, signal);
  const ref = { namespace, name: "a" };
  const another = { uid: "00000000-0000-0000-0000-000000000000" };
  await expect(kubernetes.delete(CONFIG_MAPS, ref, another, signal)).rejects.toMatchObject({
    code: "object_conflict",
  });
  await kubernetes.delete(CONFIG_MAPS, ref, { uid: made.metadata.uid, dryRun: true }, signal);
  const held = { ...made, metadata: { ...made.metadata, finalizers: ["example.test/hold"] } };
  const { metadata } = await kubernetes.replace(CONFIG_MAPS, held, {}, signal);
  await kubernetes.delete(
    CONFIG_MAPS,
    ref,
    { propagation: "Foreground", resourceVersion: metadata.resourceVersion },
    signal,
  );
  expect((await kubernetes.get(CONFIG_MAPS, ref, signal)).metadata.finalizers).toEqual([
    "example.test/hold",
    "foregroundDeletion",
  ]);
  await kubernetes.patch(
    CONFIG_MAPS,
    ref,
    { type: "merge", merge: { metadata: { finalizers: null } } },
    {},
    signal,
  );
  await kubernetes.delete(CONFIG_MAPS, ref, {}, signal);
  await kubernetes.delete(NAMESPACES, { name: "no-such-namespace" }, {}, signal);
});

it("two clients of one kind see the same list, page by page, with what the selector says", async () => {
  using test = await setUp();
  const { kubernetes, signal, namespace } = test;
  const names = Array.from({ length: 520 }, (_, index) => `c-${String(index).padStart(3, "0")}`);
  await Promise.all(
    names.map((name, index) => {
      const object = configMap(namespace, name);
      const labels = { half: index % 2 === 0 ? "even" : "odd" };
      return kubernetes.create(
        CONFIG_MAPS,
        { ...object, metadata: { ...object.metadata, labels } },
        {},
        signal,
      );
    }),
  );
  const all = await kubernetes.list(CONFIG_MAPS, { namespace }, signal);
  expect(all.items.map(({ metadata }) => metadata.name)).toEqual(names);
  expect(
    (await kubernetes.list(CONFIG_MAPS, { namespace, labelSelector: "half=odd" }, signal)).items,
  ).toHaveLength(260);
  expect(
    (await kubernetes.list(CONFIG_MAPS, { namespace, fieldSelector: "metadata.name=c-007" }, signal)).items,
  ).toHaveLength(1);
});

function service(namespace: string, name: string) {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { namespace, name },
    spec: { ports: [{ port: 80 }] },
  };
}

function webhookRules(namespace: string): object {
  return {
    rules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["*"], resources: ["configmaps"] }],
    namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } },
    sideEffects: "None",
    admissionReviewVersions: ["v1"],
    failurePolicy: "Fail",
  };
}

/** A validating webhook that says no to everything. */
async function startWebhook(says: string) {
  const certificate = await makeCertificate();
  const [cert, key] = [certificate.pem, await readFile(certificate.keyFile, "utf8")];
  const server = createServer({ cert, key }, (request, answer) => {
    void json(request).then((body) => {
      const { uid } = (body as { request: { uid: string } }).request;
      const response = { uid, allowed: false, status: { message: says } };
      answer.setHeader("content-type", "application/json");
      answer.end(JSON.stringify({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", response }));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    says,
    clientConfig: { url: `https://127.0.0.1:${port}/`, caBundle: Buffer.from(cert).toString("base64") },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await certificate[Symbol.asyncDispose]();
    },
  };
}
