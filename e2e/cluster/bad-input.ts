import { randomUUID } from "node:crypto";
import { appendFile, copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { loadConfig, PlatformError, type Config } from "@hanzo-fn/contract";
import {
  type DesiredFunction,
  type DesiredRevision,
  revisionRef,
  type RevisionStatus,
  type WorkingCopy,
} from "@hanzo-fn/engine";
import { createKnativeDeployer, type KnativeDeployer, type Publisher } from "@hanzo-fn/engine/knative";
import { openImages } from "@hanzo-fn/images";
import { createGroup, systemClock } from "@hanzo-fn/lifecycle";
import { type Layout, openLayout, RUNTIME_IMAGES, writeImage, writeLayer } from "@hanzo-fn/oci";
import {
  type CutProxy,
  type FakeRegistry,
  recordingLog,
  startCutProxy,
  startFakeRegistry,
  tempDir,
  waitFor,
} from "@hanzo-fn/testkit";
import { openFunctions, type FunctionsPlatform } from "./functions.ts";
import type { Cluster } from "./open.ts";
import { helloProgram, testCluster } from "./test-support.ts";

const never = new AbortController().signal;
/** For what Kubernetes does on a busy machine. */
export const BUDGET = { timeoutMs: 90_000, everyMs: 50 };
const EVERY_MS = 50;
const ARCHITECTURE = process.arch === "x64" ? "amd64" : process.arch;

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** A platform on the real cluster whose ways to the registry and to the API server can be made to fail. */
export interface BadInput extends AsyncDisposable {
  readonly cluster: Cluster;
  readonly engine: KnativeDeployer;
  readonly platform: FunctionsPlatform;
  /** Between the platform and the registry; nodes pull past it. */
  readonly registry: FakeRegistry;
  /** Between the platform and the API server. */
  readonly apiServer: CutProxy;
  readonly log: ReturnType<typeof recordingLog>;
  /** With the layout `bases`, of the image that functions stand on. */
  readonly folder: string;
  /** A revision of a function, the first where `more` does not say otherwise, in `prefix` for the organisation `home`, else in `prefix-<org>`. */
  revision(org: string, name: string, more?: Partial<DesiredRevision>): DesiredRevision;
  /** Wishes for a function of one revision, and gives it its route. */
  wish(revision: DesiredRevision, more?: Partial<DesiredFunction>): Promise<void>;
  reaches(revision: DesiredRevision, state: RevisionStatus["state"]): Promise<RevisionStatus>;
  /** Waits for words in a warning of a revision that is on its way. */
  warns(revision: DesiredRevision, words: string): Promise<string>;
  call(revision: DesiredRevision): Promise<Answer>;
  /** Another publisher than the one of the configuration from now on; undefined: that one again. */
  publishWith(publish: Publisher["publish"] | undefined): void;
  /** A publisher below a path of its own, with more settings of `images`, in YAML's flow style. */
  publisher(name: string, images: string): Promise<Publisher>;
  /** The path of that publisher in the registry. */
  registryPath(name: string): string;
  /** Rejects with the first call of the neighbour that was not answered, since the last time this was asked; waits for one that is. */
  neighbourAnswered(): Promise<void>;
}

function parsed(text: string): Config {
  const { config, problems } = loadConfig({ text, env: {} });
  if (problems.length > 0) throw new Error(JSON.stringify(problems));
  return config;
}

/** A runtime image that starts what is put into it. */
export async function writeBase(folder: string, createdBy = "test"): Promise<Layout> {
  const layout = await openLayout(folder);
  const entry = { kind: "directory" as const, path: "/tmp", mode: 0o1777 };
  const layers = [await writeLayer(layout, [entry], { createdBy }, never)];
  const config = { User: "65532", Env: ["PORT=8080"], Entrypoint: ["/app/function"] };
  await writeImage(layout, RUNTIME_IMAGES.go, { architecture: ARCHITECTURE, layers, config }, never);
  return layout;
}

/** Calls without a pause worth the name, and remembers what was not answered as it should be. */
function keepCalling(call: () => Promise<Answer>) {
  const ending = new AbortController();
  const troubles: string[] = [];
  let answered = 0;
  const run = async (): Promise<void> => {
    while (!ending.signal.aborted) {
      const { status, text } = await call().catch((error: unknown) => ({ status: 0, text: String(error) }));
      if (status === 200) answered += 1;
      else troubles.push(`${new Date().toISOString()} ${status}: ${text}`);
      await sleep(EVERY_MS, undefined, { signal: ending.signal }).catch(() => {});
    }
  };
  const running = run();
  return {
    async answered(): Promise<void> {
      const before = answered;
      await waitFor("an answer of the neighbour", () => answered > before || troubles.length > 0, BUDGET);
      const seen = troubles.splice(0);
      if (seen.length > 0) throw new Error(`the neighbour was not answered ${seen.length} times: ${seen[0]}`);
    },
    async end(): Promise<void> {
      ending.abort();
      await running;
    },
  };
}

export interface BadInputOptions {
  /** Prefix of the namespaces, which are deleted before. */
  readonly prefix: string;
  readonly watchSilenceMs?: number | undefined;
}

export async function openBadInput(options: BadInputOptions): Promise<BadInput> {
  const { prefix } = options;
  const run = randomUUID().slice(0, 8);
  const cluster = await testCluster();
  await deleteNamespaces(cluster, prefix, true);
  const program = await helloProgram();
  const folder = await tempDir();
  const registry = await startFakeRegistry({ host: new URL(cluster.registry.outside).host });
  const address = new URL((await serverOf(cluster)).trim());
  const apiServer = await startCutProxy({ port: Number(address.port), host: address.hostname });
  const log = recordingLog();
  const knative = { namespace: prefix, zero_initial_scale: true, progress_deadline: "60s" };
  const platform = await openFunctions(cluster, {
    ...{ gatewayPort: 8080, knative, log, apiServerPort: apiServer.port },
    watchSilenceMs: options.watchSilenceMs,
  });

  const layout = join(folder.path, "bases");
  await writeBase(layout);
  const prepare = async ({ entry, ref }: DesiredRevision): Promise<WorkingCopy> => {
    const dir = join(folder.path, "work", ref.org, ref.function);
    const executable = join(dir, "function");
    await mkdir(dir, { recursive: true });
    await copyFile(program, executable);
    // What follows a program does not disturb it, and makes a layer that no node and no registry has yet.
    await appendFile(executable, `${run} ${ref.org} ${ref.function}`);
    return { dir, entry, executable, paths: [] };
  };
  const registryPath = (name: string): string => `${prefix}/${run}/${name}`;
  const publisher: BadInput["publisher"] = (name, images) => {
    const text = `images: {registry: "${cluster.registry.inside}/${registryPath(name)}", registry_url: "http://${registry.host}"${images}}`;
    return openImages(parsed(text), {
      ...{ prepare, keyOf: () => "", folder: join(folder.path, name), clock: systemClock, log },
      ...{ env: { DOCKER_CONFIG: folder.path }, home: folder.path },
    });
  };
  const ordinary = await publisher("images", `, layout: "${layout}"`);
  let publish = ordinary.publish;

  const heard: RevisionStatus[] = [];
  const engine = createKnativeDeployer(
    {
      ...{ kubernetes: platform.kubernetes, clock: systemClock, log },
      publish: (revision, signal) => publish(revision, signal),
      resolveSecrets: (_, names) =>
        names.length === 0
          ? Promise.resolve(new Map())
          : Promise.reject(new PlatformError("missing_secret", names.join())),
    },
    platform.settings,
  );
  engine.observe((status) => heard.push(status), never);
  const group = createGroup([engine]);
  await group.start(never);

  const call: BadInput["call"] = async ({ ref }) => {
    const response = await fetch(`${platform.url}/${ref.org}/${ref.function}`);
    return { status: response.status, text: await response.text() };
  };
  const revision: BadInput["revision"] = (org, name, more = {}) => ({
    ...{ ref: revisionRef(org, name, 1), runtime: "go", entry: "hello", version: "1.0.0" },
    ...{ sourceDigest: `sha256:${org}-${name}`, environment: { TARGET: org }, secrets: {} },
    ...{ cpuMillis: 10, memoryBytes: 32 * 2 ** 20, timeoutMs: 30_000, concurrency: 10, percent: 0 },
    ...more,
  });
  const wish: BadInput["wish"] = async (one, more = {}) => {
    const { org, function: name } = one.ref;
    const scaling = { minInstances: 0, maxInstances: 3, targetConcurrency: 10, scaleDownDelayMs: 0 };
    await engine.apply({ org, function: name, scaling, revisions: [one], ...more }, never);
    platform.route(one.ref);
  };
  const reaches: BadInput["reaches"] = ({ ref }, state) =>
    waitFor(
      `${ref.name} to be ${state}`,
      () => {
        const status = heard.findLast((item) => item.ref.key === ref.key);
        if (status?.state === "failed" && state !== "failed") throw new Error(JSON.stringify(status.failure));
        return status?.state === state ? status : undefined;
      },
      BUDGET,
    );

  const neighbour = revision("next-door", "neighbour");
  await wish(neighbour);
  await reaches(neighbour, "ready");
  // An instance of its own for good: what starts and stops instances is part of what fails here.
  const scaling = { minInstances: 1, maxInstances: 1, targetConcurrency: 10, scaleDownDelayMs: 0 };
  await wish({ ...neighbour, percent: 100, proven: true }, { scaling });
  const key = neighbour.ref.key;
  await waitFor(
    "the neighbour's instance",
    async () => {
      await call(neighbour);
      const lease = platform.instances.tryAcquire(key);
      lease?.release();
      return lease?.target.instance;
    },
    BUDGET,
  );
  const calling = keepCalling(() => call(neighbour));

  return {
    ...{
      cluster,
      engine,
      platform,
      registry,
      apiServer,
      log,
      folder: folder.path,
      revision,
      wish,
      reaches,
      call,
      publisher,
      registryPath,
    },
    warns: ({ ref }, words) =>
      waitFor(
        `a warning with ${words}`,
        () => engine.status(ref)?.warnings.find((warning) => warning.includes(words)),
        BUDGET,
      ),
    publishWith: (other) => void (publish = other ?? ordinary.publish),
    neighbourAnswered: calling.answered,
    async [Symbol.asyncDispose]() {
      await calling.end();
      await group.stop(1000);
      await platform[Symbol.asyncDispose]();
      for (const part of [registry, apiServer, folder]) await part[Symbol.asyncDispose]();
      await deleteNamespaces(cluster, prefix, false);
    },
  };
}

const serverOf = (cluster: Cluster): Promise<string> =>
  cluster.kubectl(["config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}"]);

async function deleteNamespaces(cluster: Cluster, prefix: string, wait: boolean): Promise<void> {
  const all = (await cluster.kubectl(["get", "namespaces", "-o", "name"])).split("\n");
  const ours = all.filter(
    (name) => name === `namespace/${prefix}` || name.startsWith(`namespace/${prefix}-`),
  );
  if (ours.length > 0) await cluster.kubectl(["delete", ...ours, `--wait=${wait}`]);
}
