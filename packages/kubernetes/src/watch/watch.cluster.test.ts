import { systemClock } from "@hanzo-fn/lifecycle";
import { startCutProxy, waitFor } from "@hanzo-fn/testkit";
import { expect, it } from "vitest";
import { type ConfigMap, CONFIG_MAPS, configMap, type Service, SERVICES } from "../../test/kinds.ts";
import { clientOf, newNamespace, realServer, useRealServer } from "../../test/real-server.ts";
import type { Kubernetes } from "../client.ts";
import type { Kind, KubeObject } from "../objects.ts";
import type { ObjectWatch } from "./watch-objects.ts";

useRealServer();
const onChange = (): void => {};

async function put(
  kubernetes: Kubernetes,
  namespace: string,
  name: string,
  data: Record<string, string>,
  signal: AbortSignal,
): Promise<void> {
  await kubernetes.apply(CONFIG_MAPS, configMap(namespace, name, data), { fieldManager: "test" }, signal);
}

async function follow<T extends KubeObject>(
  kubernetes: Kubernetes,
  kind: Kind<T>,
  namespace: string,
  signal: AbortSignal,
): Promise<ObjectWatch<T>> {
  const watch = kubernetes.watchObjects({ kind, namespace }, { onChange }, signal);
  await watch.synced;
  return watch;
}

const has = (watch: ObjectWatch<ConfigMap>, key: string, value: string) => (): boolean =>
  watch.get(key)?.data?.["v"] === value;

it("follows what is created, changed and deleted, and only what the selector names", async () => {
  using client = clientOf();
  const { kubernetes, signal } = client;
  const namespace = await newNamespace(kubernetes, signal);
  await put(kubernetes, namespace, "before", { v: "1" }, signal);
  const all = await follow(kubernetes, CONFIG_MAPS, namespace, signal);
  expect(all.get(`${namespace}/before`)).toMatchObject({
    kind: "ConfigMap",
    apiVersion: "v1",
    data: { v: "1" },
  });
  const labelSelector = "app.kubernetes.io/managed-by=hanzo-functions";
  const ours = kubernetes.watchObjects({ kind: CONFIG_MAPS, namespace, labelSelector }, { onChange }, signal);
  await ours.synced;
  await put(kubernetes, namespace, "after", { v: "1" }, signal);
  await put(kubernetes, namespace, "before", { v: "2" }, signal);
  await waitFor("the change", has(all, `${namespace}/before`, "2"));
  const labels = { "app.kubernetes.io/managed-by": "hanzo-functions" };
  await kubernetes.patch(
    CONFIG_MAPS,
    { namespace, name: "after" },
    { type: "merge", merge: { metadata: { labels } } },
    {},
    signal,
  );
  await waitFor("the label", () => ours.get(`${namespace}/after`));
  await kubernetes.patch(
    CONFIG_MAPS,
    { namespace, name: "after" },
    { type: "merge", merge: { metadata: { labels: null } } },
    {},
    signal,
  );
  await waitFor("the label to go", () => ours.size === 0);
  await kubernetes.delete(CONFIG_MAPS, { namespace, name: "before" }, {}, signal);
  await waitFor("the deletion", () => all.get(`${namespace}/before`) === undefined);
  expect([...all.list()].some((object) => "managedFields" in object.metadata)).toBe(false);
});

it("quiet watches end in good order and go on, and nobody is alarmed", async () => {
  let looks = 0;
  // Every watch looks at the clock when it begins.
  const clock = { ...systemClock, monotonic: () => (looks++, systemClock.monotonic()) };
  using client = clientOf({ watchSilenceMs: 4000, clock });
  const { kubernetes, signal, log } = client;
  const namespace = await newNamespace(kubernetes, signal);
  const watch = await follow(kubernetes, CONFIG_MAPS, namespace, signal);
  await waitFor("several rounds", () => looks >= 6, { timeoutMs: 40_000 });
  await put(kubernetes, namespace, "a", { v: "1" }, signal);
  await waitFor("what comes after them", has(watch, `${namespace}/a`, "1"));
  expect(log.lines).toEqual([]);
});

it("a route that falls silent is noticed, nothing that happened meanwhile is lost, and a neighbour on another route follows on", async () => {
  await using proxy = await startCutProxy(Number(new URL(realServer().url).port));
  using direct = clientOf();
  using cut = clientOf({ port: proxy.port, watchSilenceMs: 2000 });
  const namespace = await newNamespace(direct.kubernetes, direct.signal);
  await put(direct.kubernetes, namespace, "gone-meanwhile", { v: "1" }, direct.signal);
  const watch = await follow(cut.kubernetes, CONFIG_MAPS, namespace, cut.signal);
  const neighbour = await follow(direct.kubernetes, CONFIG_MAPS, namespace, direct.signal);
  await put(direct.kubernetes, namespace, "seen", { v: "1" }, direct.signal);
  await waitFor("both to follow", () => watch.size === neighbour.size && watch.size === 2);
  proxy.silence();
  await direct.kubernetes.delete(CONFIG_MAPS, { namespace, name: "gone-meanwhile" }, {}, direct.signal);
  await put(direct.kubernetes, namespace, "new", { v: "1" }, direct.signal);
  await waitFor("the neighbour", () => neighbour.size === 2 && neighbour.get(`${namespace}/new`));
  await waitFor("somebody to notice", () =>
    cut.log.lines.some(({ fields }) => String(fields["error"]).includes("no byte within 2 s")),
  );
  expect(watch.get(`${namespace}/gone-meanwhile`)).toBeDefined();
  proxy.restore();
  await waitFor(
    "the same as the neighbour",
    () => watch.get(`${namespace}/new`) && watch.get(`${namespace}/gone-meanwhile`) === undefined,
    {
      timeoutMs: 30_000,
    },
  );
});

it("an API server that stops answering is given up, and is followed again when it answers", async () => {
  using client = clientOf({ watchSilenceMs: 1500, silenceMs: 1500, attempts: 2 });
  const { kubernetes, signal, log } = client;
  const namespace = await newNamespace(kubernetes, signal);
  const watch = await follow(kubernetes, CONFIG_MAPS, namespace, signal);
  realServer().server.signal("SIGSTOP");
  try {
    await waitFor("the watch to notice", () => log.lines.some(({ msg }) => msg === "watch ended"));
    await expect(kubernetes.version(signal)).rejects.toMatchObject({ code: "cluster_unavailable" });
  } finally {
    realServer().server.signal("SIGCONT");
  }
  await put(kubernetes, namespace, "a", { v: "1" }, signal);
  await waitFor("the change", has(watch, `${namespace}/a`, "1"), { timeoutMs: 30_000 });
});

it("an API server that restarts on its port: watches of several kinds go on, what was deleted meanwhile is gone, and a write goes through", async () => {
  await using proxy = await startCutProxy(Number(new URL(realServer().url).port));
  using direct = clientOf();
  using client = clientOf({ port: proxy.port, watchSilenceMs: 3000, attempts: 8 });
  const { kubernetes, signal } = client;
  const namespace = await newNamespace(direct.kubernetes, signal);
  await put(direct.kubernetes, namespace, "gone-meanwhile", { v: "1" }, signal);
  await put(direct.kubernetes, namespace, "stays", { v: "1" }, signal);
  const maps = await follow(kubernetes, CONFIG_MAPS, namespace, signal);
  const services: ObjectWatch<Service> = await follow(kubernetes, SERVICES, namespace, signal);
  // Not heard by the watches, and forgotten by the server when they ask again: its cache begins at its start.
  proxy.silence();
  await direct.kubernetes.delete(CONFIG_MAPS, { namespace, name: "gone-meanwhile" }, {}, direct.signal);
  await realServer().server.stop();
  proxy.restore();
  const writing = put(kubernetes, namespace, "stays", { v: "2" }, signal);
  await realServer().server.start();
  await writing;
  const object = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { namespace, name: "web" },
    spec: { ports: [{ port: 80 }] },
  };
  await direct.kubernetes.create(SERVICES, object, {}, direct.signal);
  await waitFor("the change", has(maps, `${namespace}/stays`, "2"), { timeoutMs: 40_000 });
  await waitFor("the neighbour", () => services.get(`${namespace}/web`), { timeoutMs: 40_000 });
  expect(maps.get(`${namespace}/gone-meanwhile`)).toBeUndefined();
}, 120_000);
