import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import {
  createKubernetes,
  kubeconfigAccess,
  type Kind,
  type Kubernetes,
  type KubeObject,
} from "@hanzo-fn/kubernetes";
import { systemClock } from "@hanzo-fn/lifecycle";
import { startKubernetesApi, waitFor } from "@hanzo-fn/testkit";
import { parse } from "yaml";

/** As in e2e/cluster/modules. */
const VERSION = "v0.50.0";
const SERVING = "serving.knative.dev/v1";
const OWNED = { controller: true, blockOwnerDeletion: true };

interface ServiceObject extends KubeObject {
  readonly spec: {
    readonly template: { readonly metadata: { readonly name: string }; readonly spec: object };
  };
}

const SERVICES: Kind<ServiceObject> = {
  apiVersion: SERVING,
  kind: "Service",
  plural: "services",
  namespaced: true,
};
const REVISIONS: Kind<KubeObject> = {
  apiVersion: SERVING,
  kind: "Revision",
  plural: "revisions",
  namespaced: true,
};
const ROUTES: Kind<KubeObject> = { apiVersion: SERVING, kind: "Route", plural: "routes", namespaced: true };
const CRDS: Kind<KubeObject> = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  plural: "customresourcedefinitions",
  namespaced: false,
};

function schemasFolder(): string {
  const { GOMODCACHE, GOPATH = join(homedir(), "go") } = process.env;
  const modules = GOMODCACHE ?? join(GOPATH, "pkg", "mod");
  return join(modules, `knative.dev/serving@${VERSION}`, "config", "core", "300-resources");
}

async function addKnative(kubernetes: Kubernetes, signal: AbortSignal): Promise<void> {
  for (const name of ["service", "revision", "route"]) {
    const text = await readFile(join(schemasFolder(), `${name}.yaml`), "utf8");
    await kubernetes.apply(CRDS, parse(text) as KubeObject, { fieldManager: "bench" }, signal);
  }
  for (const kind of [SERVICES, REVISIONS, ROUTES]) {
    const isServed = (): Promise<boolean> =>
      kubernetes.list(kind as Kind<KubeObject>, {}, signal).then(
        () => true,
        () => false,
      );
    await waitFor(`the kind ${kind.kind}`, isServed, { timeoutMs: 30_000, everyMs: 100 });
  }
}

/** What Knative makes of the template that a Service has, ready. */
async function makeRevision(
  kubernetes: Kubernetes,
  service: ServiceObject,
  signal: AbortSignal,
): Promise<void> {
  const { name, namespace = "", uid = "" } = service.metadata;
  const { metadata, spec } = service.spec.template;
  const ownerReferences = [{ apiVersion: SERVING, kind: "Service", name, uid, ...OWNED }];
  const object = {
    apiVersion: SERVING,
    kind: "Revision",
    metadata: { ...metadata, namespace, ownerReferences },
    spec,
  };
  const made = await kubernetes.create(REVISIONS, object, {}, signal);
  const conditions = [{ type: "Ready", status: "True", lastTransitionTime: new Date().toISOString() }];
  const status = { observedGeneration: made.metadata.generation, conditions };
  await kubernetes.patchStatus(REVISIONS, made.metadata, { type: "merge", merge: { status } }, {}, signal);
}

export interface KnativeApi extends AsyncDisposable {
  readonly kubeconfig: string;
  /** Resolves when every Service has its Revision. Rejects where one could not be made. */
  readonly allMade: () => Promise<unknown>;
}

/** etcd and an API server that knows Knative's kinds, and nobody who acts on them but what makes Revisions. */
export async function startKnativeApi(given: AbortSignal): Promise<KnativeApi> {
  const api = await startKubernetesApi();
  const closed = new AbortController();
  const signal = AbortSignal.any([given, closed.signal]);
  const config = await kubeconfigAccess(systemClock, { files: [api.kubeconfig], environment: {} });
  const log = { debug: () => {}, info: () => {}, warn: () => {} };
  const kubernetes = createKubernetes({ config, clock: systemClock, log });
  const close = async (): Promise<void> => {
    closed.abort(new Error("the API server ends"));
    kubernetes.close();
    await api[Symbol.asyncDispose]();
  };
  try {
    await addKnative(kubernetes, signal);
  } catch (error) {
    await close();
    throw error;
  }
  const made = new Map<string, Promise<void>>();
  const onChange = (key: string, service: ServiceObject | undefined): void => {
    if (service === undefined || made.has(key)) return;
    const one = makeRevision(kubernetes, service, signal);
    // `allMade` tells of it.
    one.catch(() => {});
    made.set(key, one);
  };
  kubernetes.watchObjects({ kind: SERVICES }, { onChange }, signal);
  const allMade = (): Promise<unknown> => Promise.all(made.values());
  return { kubeconfig: api.kubeconfig, allMade, [Symbol.asyncDispose]: close };
}
