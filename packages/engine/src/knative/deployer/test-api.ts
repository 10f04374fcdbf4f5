import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import path from "node:path";
import { Secret } from "@hanzo-fn/contract";
import {
  createKubernetes,
  type Kind,
  type Kubernetes,
  kubeconfigAccess,
  statusOf,
} from "@hanzo-fn/kubernetes";
import { systemClock } from "@hanzo-fn/lifecycle";
import {
  type KubernetesApi,
  needsKubernetesApi,
  recordingLog,
  startKubernetesApi,
  waitFor,
} from "@hanzo-fn/testkit";
import { afterAll, beforeAll, beforeEach } from "vitest";
import { parse } from "yaml";
import type { DesiredFunction, DesiredRevision, RevisionStatus } from "../../engine.ts";
import {
  createKnativeDeployer,
  type KnativeDeployerDependencies,
  type KnativeDeployerOptions,
} from "./deployer.ts";
import { type LiveObject, NAMESPACES, REVISIONS, ROUTES, SERVICES } from "./kinds.ts";
import { functionWish, settingsOf } from "../test-wishes.ts";

const VERSION = "v0.50.0";
const cache =
  process.env["GOMODCACHE"] ?? path.join(process.env["GOPATH"] ?? path.join(homedir(), "go"), "pkg/mod");
const schemas = path.join(cache, `knative.dev/serving@${VERSION}/config/core/300-resources`);
const CRDS: Kind<LiveObject> = {
  ...{ apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition" },
  ...{ plural: "customresourcedefinitions", namespaced: false },
};
const SETTINGS = settingsOf("auth: {org: hanzo}\nknative: {platform_addresses: [192.0.2.7]}");
export const HOME = "hanzo-functions";
export const IMAGE = `registry.example:5000/f@sha256:${"a".repeat(64)}`;
export const never = new AbortController().signal;

let api: KubernetesApi | undefined;
let admin: Kubernetes | undefined;
const canRun = existsSync(path.join(schemas, "service.yaml"));

/** The API server itself, to be stopped and started. */
export function server(): KubernetesApi["server"] {
  if (api === undefined) throw new Error("no API server runs");
  return api.server;
}

/** The administrator's client. */
export function kubernetes(): Kubernetes {
  if (admin === undefined) throw new Error("no API server runs");
  return admin;
}

/** A client of the administrator, or of whom it passes for. */
export async function connect(user?: string): Promise<Kubernetes> {
  if (api === undefined) throw new Error("no API server runs");
  const config = await kubeconfigAccess(systemClock, { files: [api.kubeconfig], environment: {} });
  const headers = user === undefined ? {} : { "Impersonate-User": user };
  return createKubernetes({ config: { ...config, headers }, clock: systemClock, log: recordingLog() });
}

async function isServed(kind: Kind<LiveObject>): Promise<boolean> {
  try {
    await kubernetes().list(kind, {}, never);
    return true;
  } catch {
    return false;
  }
}

async function addKnative(): Promise<void> {
  for (const name of ["service", "revision", "route"]) {
    const crd = parse(await readFile(path.join(schemas, `${name}.yaml`), "utf8")) as LiveObject;
    await kubernetes().apply(CRDS, crd, { fieldManager: "test" }, never);
  }
  const kinds: readonly Kind<LiveObject>[] = [SERVICES, REVISIONS, ROUTES];
  for (const kind of kinds) {
    await waitFor(`the kind ${kind.kind}`, () => isServed(kind), { timeoutMs: 30_000, everyMs: 100 });
  }
}

/**
 * One API server that knows Knative's kinds for a file of tests, which are skipped where there is none. `prepare` runs once it
 * is there.
 */
export function useKnativeApi(prepare: () => Promise<void> = () => Promise.resolve()): void {
  beforeEach((ctx) => {
    needsKubernetesApi(ctx);
    if (!canRun) ctx.skip(`${schemas} is missing: go mod download knative.dev/serving@${VERSION}`);
  });
  beforeAll(async () => {
    if (!canRun) return;
    api = await startKubernetesApi().catch((error: unknown) => {
      if (String(error).includes("is not built")) return undefined;
      throw error;
    });
    if (api === undefined) return;
    admin = await connect();
    await addKnative();
    const platform = { apiVersion: "v1", kind: "Namespace", metadata: { name: "hanzo" } };
    await admin.apply(NAMESPACES, platform, { fieldManager: "test" }, never);
    await prepare();
  }, 120_000);
  afterAll(async () => {
    admin?.close();
    await api?.[Symbol.asyncDispose]();
  });
}

let made = 0;
export const freshName = (): string => `f${++made}`;

export function wish(
  name: string,
  revisions: DesiredRevision[],
  more: Partial<DesiredFunction> = {},
): DesiredFunction {
  return { org: "hanzo", function: name, scaling: functionWish().scaling, revisions, ...more };
}

/** A deployer on the real API server. There is no Knative: what it would do the test does. */
export async function deployer(
  more: Partial<KnativeDeployerDependencies> = {},
  options: KnativeDeployerOptions = {},
) {
  const log = recordingLog();
  const own = await connect();
  const published: string[] = [];
  const heard: RevisionStatus[] = [];
  const engine = createKnativeDeployer(
    {
      kubernetes: own,
      publish({ ref }) {
        published.push(ref.key);
        return Promise.resolve({ image: IMAGE, phasesMs: { build: 1, push: 2 }, warnings: [] });
      },
      resolveSecrets: (_, names) =>
        Promise.resolve(new Map(names.map((name) => [name, new Secret(`value of ${name}`)]))),
      gatewayTokens: {
        issue: ({ ref: { key } }, kept) => kept ?? new Secret(`token of ${key}`),
        revoke: () => {},
      },
      clock: systemClock,
      log,
      ...more,
    },
    SETTINGS,
    options,
  );
  engine.observe((status) => heard.push(status), never);
  await engine.start(never);
  return {
    engine,
    log,
    published,
    heard,
    states: (name: string) =>
      heard.filter(({ ref }) => ref.function === name).map(({ ref, state }) => `${ref.number} ${state}`),
    async [Symbol.asyncDispose]() {
      await engine.stop(0);
      own.close();
    },
  };
}

export async function find<T extends LiveObject>(
  kind: Kind<T>,
  name: string,
  namespace?: string,
): Promise<T | undefined> {
  try {
    return await kubernetes().get(kind, { name, namespace }, never);
  } catch (error) {
    if (statusOf(error)?.code === 404) return undefined;
    throw error;
  }
}
export const there = <T extends LiveObject>(kind: Kind<T>, name: string, namespace = HOME): Promise<T> =>
  waitFor(`${kind.kind} ${name}`, () => find(kind, name, namespace), { everyMs: 50 });

export const templateOf = async (name: string, namespace = HOME): Promise<string | undefined> =>
  (await find(SERVICES, name, namespace))?.spec.template.metadata?.name;

/** As Knative makes a Revision of the template that the Service has now, and finds it ready. */
export async function makeRevision(name: string, namespace = HOME): Promise<void> {
  const { spec, metadata } = await there(SERVICES, name, namespace);
  const template = spec.template as { metadata: LiveObject["metadata"]; spec: object };
  const owner = { apiVersion: "serving.knative.dev/v1", kind: "Service", name, uid: metadata.uid ?? "" };
  const { containers, ...rest } = template.spec as { containers: object[] };
  const object = {
    ...{ apiVersion: "serving.knative.dev/v1", kind: "Revision" },
    metadata: {
      ...template.metadata,
      namespace,
      ownerReferences: [{ ...owner, controller: true, blockOwnerDeletion: true }],
    },
    spec: { containers, ...rest },
  };
  const live = await kubernetes().create(REVISIONS, object as never, {}, never);
  const conditions = [{ type: "Ready", status: "True", lastTransitionTime: new Date().toISOString() }];
  const status = { observedGeneration: live.metadata.generation, conditions };
  const ref = { namespace, name: live.metadata.name };
  await kubernetes().patchStatus(REVISIONS, ref, { type: "merge", merge: { status } }, {}, never);
}
