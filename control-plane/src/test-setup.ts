import { hash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openDiskBlobs } from "@hanzo-fn/blobs";
import { parseManifest, PlatformError, toCanonicalJson } from "@hanzo-fn/contract";
import { type Deployer, type DesiredFunction, revisionRef, type RevisionStatus } from "@hanzo-fn/engine";
import { type Clock, systemClock } from "@hanzo-fn/lifecycle";
import { type JsonObject, openStore, type Store } from "@hanzo-fn/store";
import type { Logger } from "@hanzo-fn/telemetry";
import { createTestDatabase, namedAuthenticator, recordingLog, tempDir } from "@hanzo-fn/testkit";
import { createApp } from "./app.ts";
import type { Control } from "./control.ts";
import {
  deploy as deployUntil,
  type DeployDependencies,
  type DeployRequest,
  type DeployResult,
  type DeploySource,
} from "./deploy.ts";
import { createReconciler, type ReconcilerDependencies } from "./reconcile.ts";
import { createHandlers } from "./routes/index.ts";
import { controlPlaneServer } from "./server.ts";
import { DEFAULT_SOURCE_LIMITS } from "./source/limits.ts";

const patient = new AbortController().signal;

export function deploy(deps: DeployDependencies, request: DeployRequest): Promise<DeployResult> {
  return deployUntil(deps, request, patient);
}

/** An engine that does what the test says. */
export function fakeDeployer() {
  const applied: DesiredFunction[] = [];
  const removed: string[] = [];
  const retained: string[][] = [];
  const listeners = new Set<(status: RevisionStatus) => void>();
  const fake = {
    applied,
    removed,
    retained,
    onApply: (_desired: DesiredFunction): Promise<void> => Promise.resolve(),
    async apply(desired: DesiredFunction) {
      applied.push(desired);
      await fake.onApply(desired);
    },
    remove({ org, function: name }: { org: string; function: string }) {
      removed.push(`${org}/${name}`);
      return Promise.resolve();
    },
    retain(functions: readonly { readonly org: string; readonly function: string }[]) {
      retained.push(functions.map((item) => `${item.org}/${item.function}`));
    },
    observe(onChange: (status: RevisionStatus) => void, signal: AbortSignal) {
      listeners.add(onChange);
      signal.addEventListener("abort", () => listeners.delete(onChange));
    },
    status: () => undefined,
    ready: () => undefined,
    tell(name: string, number: number, state: RevisionStatus["state"], message?: string) {
      const status: RevisionStatus = {
        ref: revisionRef("acme", name, number),
        state,
        instances: [],
        phasesMs: { build: 3 },
        warnings: [],
        ...(message === undefined ? {} : { failure: { code: "build_failed", message, logTail: [] } }),
      };
      fake.report(status);
    },
    report(status: RevisionStatus) {
      for (const listener of listeners) listener(status);
    },
  } satisfies Deployer & Record<string, unknown>;
  return fake;
}

export function testLog(): Logger & ReturnType<typeof recordingLog> {
  const log: Logger & ReturnType<typeof recordingLog> = {
    ...recordingLog(),
    log: () => {},
    child: () => log,
  };
  return log;
}

/** Pauses of retries are over in milliseconds. */
const hastyClock: Clock = {
  ...systemClock,
  sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 5), signal),
};

const MANIFEST_OPTIONS = { engine: "local", gpuPool: false } as const;

/** A control plane on a database and folders of its own; `wrap` may stand between it and the store. */
export async function testControl(wrap: (store: Store) => Store = (store) => store) {
  const database = await createTestDatabase();
  const dir = await tempDir();
  const uploads = join(dir.path, "uploads");
  await mkdir(uploads);
  const store = await openStore({ database, log: recordingLog(), clock: systemClock });
  const blobs = await openDiskBlobs({ directory: join(dir.path, "blobs") });
  const deployer = fakeDeployer();
  const log = testLog();
  const refreshed: string[] = [];
  const parts: ReconcilerDependencies = {
    store,
    deployer,
    clock: hastyClock,
    log,
    refreshRoutes: (org, name) => Promise.resolve(void refreshed.push(`${org}/${name}`)),
  };
  const reconciler = createReconciler(parts);
  const control: Control = {
    store: wrap(store),
    blobs,
    clock: systemClock,
    log,
    reconciler,
    view: { invokeUrl: "http://invoke", status: deployer.status, unenforced: () => [] },
    hasSecret: (_org, name) => Promise.resolve(name === "known"),
    secrets: undefined,
    invoke: () => Promise.reject(new Error("not asked for")),
    triggers: {
      times: { tzVersion: "test", next: (_trigger, after) => new Date(after.getTime() + 3_600_000) },
      prepare: () => Promise.resolve(() => Promise.resolve()),
      lag: () => Promise.resolve({ items: 2, seconds: 1.5 }),
      redrive: ({ id }) => Promise.resolve(`again:${id}`),
    },
    tasks: {
      accept: () => Promise.reject(new Error("not asked for")),
      ended: () => Promise.resolve(),
      callbackKey: (org) => `key of ${org}`,
    },
    signedObject: undefined,
    publish: () => Promise.reject(new PlatformError("unavailable", "no broker is configured")),
    health: () =>
      Promise.resolve({ status: "ok", version: "1", engine: "local", checks: {}, warnings: [] } as const),
    forget: () => {},
    manifestOptions: MANIFEST_OPTIONS,
    limits: { maxManifestBytes: 4096, source: DEFAULT_SOURCE_LIMITS },
    tempDir: uploads,
    version: "1",
  };
  return {
    control,
    store,
    blobs,
    deployer,
    log,
    refreshed,
    reconciler,
    parts,
    dir: dir.path,
    uploads,
    async [Symbol.asyncDispose]() {
      await reconciler.stop(0);
      await store.close();
      await database[Symbol.asyncDispose]();
      await dir[Symbol.asyncDispose]();
    },
  };
}

export type TestControl = Awaited<ReturnType<typeof testControl>>;

export function yaml(name: string, path: string, extra = ""): string {
  return `name: ${name}\nruntime: python\nversion: 1.0.0\nentry: handler.run\ntriggers:\n  - {type: http, path: ${path}}\n${extra}`;
}

/** A deploy of this manifest; `content` stands for the source, undefined for none. */
export async function request(
  test: TestControl,
  text: string,
  content: string | undefined,
  more: Partial<DeployRequest> = {},
): Promise<DeployRequest> {
  const result = parseManifest(text, MANIFEST_OPTIONS);
  if (!result.ok) throw result.error;
  let source: DeploySource | undefined;
  if (content !== undefined) {
    const digest = hash("sha256", content, "hex");
    source = { digest, archivePath: join(test.dir, digest) };
    await writeFile(source.archivePath, content);
  }
  return {
    org: "acme",
    mode: "upsert",
    manifest: result.manifest,
    manifestJson: toCanonicalJson(result.manifest) as JsonObject,
    source,
    noTraffic: false,
    ...more,
  };
}

/** Its API on a port of its own. */
export async function startApi({ control, log }: TestControl) {
  const app = createApp({ authenticator: namedAuthenticator, handlers: createHandlers(control), log });
  const server = controlPlaneServer(app, { host: "127.0.0.1", port: 0, maxHeadBytes: 8192 });
  await server.start(new AbortController().signal);
  return {
    port: server.port(),
    call(path: string, { headers = {}, ...init }: RequestInit & { headers?: Record<string, string> } = {}) {
      const url = `http://127.0.0.1:${server.port()}${path}`;
      return fetch(url, { ...init, headers: { authorization: "Bearer acme", ...headers } });
    },
    [Symbol.asyncDispose]: () => server.stop(0),
  };
}
