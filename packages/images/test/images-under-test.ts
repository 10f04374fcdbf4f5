import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { loadConfig } from "@hanzo-fn/contract";
import { type DesiredRevision, revisionRef } from "@hanzo-fn/engine";
import { type Clock, systemClock } from "@hanzo-fn/lifecycle";
import {
  createRegistry,
  httpTransport,
  type ImageConfig,
  type ImageRuntime,
  type Layout,
  type Manifest,
  openLayout,
  PYTHON_LABEL,
  type Registry,
  RUNTIME_IMAGES,
  writeImage,
  writeLayer,
} from "@hanzo-fn/oci";
import { recordingLog, tempDir } from "@hanzo-fn/testkit";
import { type Images, openImages } from "../src/open.ts";

export type Files = Readonly<Record<string, string>>;

/** What a test deploys: the code, and dependencies that functions may share. */
export interface Source {
  readonly code: Files;
  readonly dependencies?: Files | undefined;
}

const signal = AbortSignal.timeout(600_000);

/** Sleeps next to nothing, and its time is the test's. */
export function quickClock(): Clock & { nowMs: number } {
  return {
    ...systemClock,
    nowMs: 1_000_000,
    now() {
      return this.nowMs;
    },
    sleep: (ms, own) => systemClock.sleep(Math.min(ms, 5), own),
  };
}

export function clientOf(host: string): Registry {
  return createRegistry({
    host,
    transport: httpTransport(),
    clock: quickClock(),
    log: recordingLog(),
  });
}

/** Small images under the names of the runtimes'. */
export async function runtimeImages(folder: string, content: string): Promise<Layout> {
  const layout = await openLayout(folder);
  for (const runtime of Object.keys(RUNTIME_IMAGES) as ImageRuntime[]) {
    const text = Buffer.from(`${content} ${runtime}`);
    const entry = { kind: "file" as const, path: `/opt/${runtime}`, mode: 0o644, content: text };
    const layers = [await writeLayer(layout, [entry], { createdBy: "test" }, signal)];
    const labels = runtime === "python" ? { [PYTHON_LABEL]: "3.11" } : {};
    const config = { Env: ["PORT=8080"], Labels: labels };
    await writeImage(
      layout,
      RUNTIME_IMAGES[runtime],
      { architecture: architecture(), layers, config },
      signal,
    );
  }
  return layout;
}

export function architecture(): string {
  return process.arch === "x64" ? "amd64" : process.arch;
}

async function writeFiles(folder: string, files: Files): Promise<string> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  return folder;
}

export interface UnderTest extends AsyncDisposable {
  readonly images: Images;
  readonly folder: string;
  readonly clock: { nowMs: number };
  /** Revisions that were built, in their order. */
  readonly built: string[];
  revision(
    name: string,
    source: Source,
    more?: { readonly org?: string; readonly number?: number },
  ): DesiredRevision;
  publish(
    name: string,
    source: Source,
    more?: { readonly org?: string; readonly number?: number },
  ): ReturnType<Images["publish"]>;
  /** The same folder and configuration in a new process, as it were. */
  restart(): Promise<Images>;
}

/** Publishes Python functions whose working copies are made out of hand; `config` is the section `images` in YAML's flow style. */
export async function openUnderTest(config: string, more = ""): Promise<UnderTest> {
  const folder = await tempDir();
  const sources = new Map<string, Source>();
  const built: string[] = [];
  const clock = quickClock();
  const loaded = loadConfig({ text: `images: ${config}\n${more}`, env: {} });
  if (loaded.problems.length > 0) throw new Error(JSON.stringify(loaded.problems));
  const digestOf = (value: unknown): string =>
    createHash("sha256").update(JSON.stringify(value)).digest("hex");
  const parts = {
    prepare: async ({ ref, sourceDigest, entry }: DesiredRevision) => {
      built.push(ref.name);
      const { code, dependencies } = sources.get(sourceDigest) ?? { code: {} };
      const dir = await writeFiles(join(folder.path, "work", sourceDigest), code);
      // As the builder does: one folder per set of dependencies of an organisation.
      const place = join(folder.path, "layers", ref.org, digestOf(dependencies ?? {}));
      const paths = dependencies === undefined ? [] : [await writeFiles(place, dependencies)];
      const layerKey = dependencies === undefined ? {} : { layerKey: "key" };
      return { dir, entry, paths, ...layerKey, phasesMs: {}, cached: false };
    },
    keyOf: () => "",
    folder: join(folder.path, "images"),
    env: { DOCKER_CONFIG: folder.path },
    home: folder.path,
    clock,
    log: recordingLog(),
  };
  const images = await openImages(loaded.config, parts);
  const revision: UnderTest["revision"] = (name, source, { org = "acme", number = 1 } = {}) => {
    const sourceDigest = digestOf(source);
    sources.set(sourceDigest, source);
    return {
      ref: revisionRef(org, name, number),
      ...{ runtime: "python", entry: "handler.run", sourceDigest, environment: {}, secrets: {} },
      ...{ cpuMillis: 100, memoryBytes: 2 ** 27, timeoutMs: 1000, concurrency: 1, percent: 100 },
    };
  };
  return {
    ...{ images, folder: folder.path, clock, built, revision },
    publish: (name, source, how) => images.publish(revision(name, source, how), signal),
    restart: () => openImages(loaded.config, parts),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

/** Manifest and configuration of a published image, as the registry has them. */
export async function imageAt(
  registry: Registry,
  reference: string,
): Promise<{
  readonly manifest: Manifest;
  readonly config: ImageConfig;
  readonly repository: string;
  readonly digest: string;
}> {
  const [name = "", digest = ""] = reference.split("@");
  const repository = name.slice(registry.host.length + 1);
  const { bytes } = await registry.getManifest(repository, digest, signal);
  const manifest = JSON.parse(bytes.toString("utf8")) as Manifest;
  const chunks: Buffer[] = [];
  for await (const chunk of await registry.openBlob(repository, manifest.config, signal))
    chunks.push(chunk as Buffer);
  const config = JSON.parse(Buffer.concat(chunks).toString("utf8")) as ImageConfig;
  return { manifest, config, repository, digest };
}
