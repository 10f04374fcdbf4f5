import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openLayout } from "@hanzo-fn/oci";
import { type ClusterStatus, startDaemon, stopDaemon, up } from "./cluster.ts";
import { REGISTRY } from "./layout.ts";
import { runCommand } from "./platform/command.ts";
import type { ExistingCluster } from "./platform/existing.ts";
import { programImage, sendImage } from "./platform/images.ts";
import { registryUrl } from "./up.ts";

/** A cluster to test against. */
export interface Cluster {
  readonly kubeconfig: string;
  readonly registry: {
    /** `host:port` as images of pods name it. */
    readonly inside: string;
    /** URL for this machine. */
    readonly outside: string;
  };
  /** This machine as pods reach it. */
  readonly hostAddress: string;
  /** URL of Knative's activator for this machine; undefined where the cluster is not ours. */
  readonly activator: string | undefined;
  /** Gives standard output; throws with what kubectl says. */
  kubectl(args: readonly string[], input?: string): Promise<string>;
  /** Creates or changes objects. */
  apply(...objects: readonly object[]): Promise<void>;
  /** Kills one of the daemons that `npm run cluster -- status` lists, and starts it again; undefined where the cluster is not ours. */
  readonly daemons: DaemonControl | undefined;
  /** An image with one static program; gives the reference by digest. */
  pushProgram(name: string, file: string): Promise<string>;
}

export interface DaemonControl {
  /** Resolves when it is gone. */
  stop(name: string): Promise<void>;
  /** As it was; it answers some time later. */
  start(name: string): Promise<void>;
}

export interface OpenOptions {
  /** Folder of builds and runs. Default: `.cache/cluster` of this checkout. */
  readonly cache?: string | undefined;
  /** Of the run. */
  readonly name?: string | undefined;
  /** A cluster that is there instead of one of ours, and what it needs beside its kubeconfig. */
  readonly existing?: ExistingCluster | undefined;
  readonly log?: ((line: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export const CACHE = fileURLToPath(new URL("../../.cache/cluster", import.meta.url));

/** Gives the existing cluster, or one of ours, which is started where it does not run and stays when the tests end. */
export async function openCluster(options: OpenOptions = {}): Promise<Cluster> {
  const cache = options.cache ?? CACHE;
  const signal = options.signal ?? new AbortController().signal;
  if (options.existing !== undefined)
    return connect(
      { ...options.existing, activator: undefined, daemons: undefined },
      "kubectl",
      cache,
      signal,
    );
  const log = options.log ?? (() => {});
  return fromStatus(await up({ cache, name: options.name ?? "main", log }, signal), signal);
}

function fromStatus(status: ClusterStatus, signal: AbortSignal): Cluster {
  const { layout, state } = status;
  const { kubeconfig, addresses, cache } = layout;
  const where = {
    kubeconfig,
    registry: { inside: REGISTRY, outside: registryUrl(layout) },
    hostAddress: addresses.host,
    activator: `http://${addresses.node}:8012`,
    daemons: {
      stop: (name: string) => stopDaemon(status, name),
      start: (name: string) => startDaemon(status, name),
    },
  };
  return connect(where, join(state.kubernetes, "kubectl"), cache, signal);
}

type Where = Pick<Cluster, "kubeconfig" | "registry" | "hostAddress" | "activator" | "daemons">;

function connect(where: Where, program: string, cache: string, signal: AbortSignal): Cluster {
  const kubectl: Cluster["kubectl"] = (args, input) =>
    runCommand(program, args, { env: { KUBECONFIG: where.kubeconfig }, input, signal });
  return {
    ...where,
    kubectl,
    async apply(...objects) {
      const list = { apiVersion: "v1", kind: "List", items: objects };
      await kubectl(["apply", "-f", "-"], JSON.stringify(list));
    },
    async pushProgram(name, file) {
      const images = await openLayout(join(cache, "images"));
      const image = await programImage(images, name, { file, path: "/program" }, signal);
      await sendImage(images, image, where.registry.outside, signal);
      return `${where.registry.inside}/${name}@${image.descriptor.digest}`;
    },
  };
}
