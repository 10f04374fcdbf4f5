import { PlatformError } from "@hanzo-fn/contract";
import { BASE_PACKAGES, type ImageRuntime } from "../debian/packages.ts";
import { debianRoot, NONROOT } from "../debian/root.ts";
import type { LayerEntry } from "../entries.ts";
import { writeImage } from "../image.ts";
import { writeLayer, type Layer } from "../layer.ts";
import type { Layout } from "../layout.ts";
import type { Descriptor, RunConfig } from "../media-types.ts";

/** Names of the runtime images, as the specification prints them. */
export const RUNTIME_IMAGES: Readonly<Record<ImageRuntime, string>> = {
  python: "fn-python:3.12",
  go: "fn-go:1.22",
  rust: "fn-rust:1.77",
  typescript: "fn-typescript:22",
};

/** Where a function's code lies in its image. */
export const APP = "/app";
const PORT = 8080;

/** An image that somebody else made, in a layout on the disk. */
export interface BaseImage {
  readonly layout: Layout;
  readonly name: string;
}

export interface RuntimeImageInput {
  readonly runtime: ImageRuntime;
  /** As OCI writes it, for example `amd64`. */
  readonly architecture: string;
  /** Where Debian packages are kept between runs. */
  readonly packages: string;
  /** Stands in for the Debian packages. Its layers are copied. */
  readonly base?: BaseImage | undefined;
  /** The runtime's own files. */
  readonly server: readonly LayerEntry[];
  /** Variables of every container. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** Further layers, made once the image so far can be unpacked. */
  readonly finish?: ((image: Descriptor) => Promise<readonly LayerEntry[]>) | undefined;
}

/**
 * Assembles a runtime image without a registry: a layer of Debian packages, one for the runtime, and what `finish` adds. It runs as an
 * ordinary user on a read-only root file system, with `hanzo-fn-agent` as its first process.
 */
export async function writeRuntimeImage(
  layout: Layout,
  input: RuntimeImageInput,
  signal: AbortSignal,
): Promise<Descriptor> {
  const name = RUNTIME_IMAGES[input.runtime];
  const base = input.base === undefined ? undefined : await copyImage(input.base, layout, signal);
  const layers: Layer[] = [];
  if (base === undefined) {
    const root = await debianRoot(BASE_PACKAGES[input.runtime], input.packages, signal);
    layers.push(await writeLayer(layout, root, { createdBy: "Debian packages" }, signal));
  }
  const server: readonly LayerEntry[] = [{ kind: "directory", path: APP }, ...input.server];
  layers.push(await writeLayer(layout, server, { createdBy: `hanzo-fn runtime ${input.runtime}` }, signal));
  const config = runtimeConfig(name, input.env ?? {}, input.labels ?? {});
  const write = (): Promise<Descriptor> =>
    writeImage(layout, name, { architecture: input.architecture, base, layers, config }, signal);
  const image = await write();
  const more = (await input.finish?.(image)) ?? [];
  if (more.length === 0) return image;
  layers.push(await writeLayer(layout, more, { createdBy: "byte code" }, signal));
  return write();
}

/** Brings an image's blobs into this layout. */
async function copyImage(base: BaseImage, layout: Layout, signal: AbortSignal): Promise<Descriptor> {
  const found = await base.layout.find(base.name);
  if (found === undefined) {
    const message = `${base.name} is not in the layout ${base.layout.root}`;
    throw new PlatformError("not_found", message, { component: "oci" });
  }
  for (const { digest } of [found.descriptor, found.manifest.config, ...found.manifest.layers]) {
    if (await layout.has(digest)) continue;
    const put = await layout.putBlob(await base.layout.openBlob(digest), signal);
    if (put.digest === digest) continue;
    throw new PlatformError("bad_request", `the blob ${digest} has other bytes`, { component: "oci" });
  }
  return found.descriptor;
}

function runtimeConfig(
  name: string,
  env: Readonly<Record<string, string>>,
  labels: Readonly<Record<string, string>>,
): RunConfig {
  const variables = {
    PATH: "/usr/local/bin:/usr/bin:/bin",
    LANG: "C.UTF-8",
    HOME: "/tmp",
    PORT: String(PORT),
    SSL_CERT_FILE: "/etc/ssl/certs/ca-certificates.crt",
    ...env,
  };
  return {
    // No entry point, not a base's either: who names a command, as a compose file does, names the agent himself.
    Entrypoint: [],
    Cmd: ["/usr/bin/hanzo-fn-agent"],
    Env: Object.entries(variables).map(([variable, value]) => `${variable}=${value}`),
    User: `${NONROOT}:${NONROOT}`,
    WorkingDir: APP,
    ExposedPorts: { [`${PORT}/tcp`]: {} },
    StopSignal: "SIGTERM",
    Labels: { "org.opencontainers.image.title": name, ...labels },
  };
}
