import { join } from "node:path";

/** Addresses of one cluster. All lie in 198.18.0.0/15, which RFC 2544 keeps for tests and nobody routes. */
export interface Addresses {
  readonly podCidr: string;
  readonly firstPod: string;
  readonly lastPod: string;
  readonly serviceCidr: string;
  /** ClusterIP of `kubernetes.default`. */
  readonly apiService: string;
  /** The node: API server, registry, kubelet, activator and everything else that is no pod. */
  readonly node: string;
  /** Knative's controller alone: it and the autoscaler both insist on port 8080. */
  readonly knativeController: string;
  /** Name server of the pods. */
  readonly dns: string;
  /** This machine as pods see it. */
  readonly host: string;
  /** The other end of the link to this machine. */
  readonly gateway: string;
  readonly linkPrefix: number;
}

/** Where one cluster lives: its folders, and the names that it takes on the whole machine. */
export interface Layout {
  readonly name: string;
  /** Builds and images, kept between runs. */
  readonly cache: string;
  /** Everything of this run; removed with it. */
  readonly run: string;
  readonly logs: string;
  readonly certificates: string;
  readonly kubeconfig: string;
  /** What `status` reads; appears once the cluster is ready. */
  readonly state: string;
  /** Link to the cluster in this machine's own network namespace. */
  readonly hostLink: string;
  /** Below every cgroup hierarchy. */
  readonly cgroup: string;
  readonly addresses: Addresses;
}

export const NODE = "node1";
export const REGISTRY_PORT = 5000;
/** A name that ends in `.local`: containerd and Knative's digest resolution then speak plain HTTP. */
export const REGISTRY = `registry.local:${REGISTRY_PORT}`;
export const API_PORT = 6443;
/** As many clusters as there are address ranges. */
export const SLOTS = 15;
const NAME = /^[a-z][a-z0-9-]{0,30}$/;

/** `slot` numbers the clusters of one machine: addresses, link and cgroup of two slots never meet. */
export function addressesOf(slot: number): Addresses {
  const pods = `198.18.${slot * 4}`;
  const services = `198.19.${slot * 16}`;
  const link = slot * 4;
  return {
    podCidr: `${pods}.0/22`,
    firstPod: `${pods}.16`,
    lastPod: `198.18.${slot * 4 + 3}.254`,
    serviceCidr: `${services}.0/20`,
    apiService: `${services}.1`,
    node: `${pods}.1`,
    knativeController: `${pods}.3`,
    dns: `${pods}.10`,
    host: `198.18.255.${link + 1}`,
    gateway: `198.18.255.${link + 2}`,
    linkPrefix: 30,
  };
}

/** Throws where the name cannot be a folder's. */
export function runFolder(cache: string, name: string): string {
  if (!NAME.test(name)) throw new Error(`a cluster's name has 1 to 31 of a-z, 0-9 and -: ${name}`);
  return join(cache, "run", name);
}

export function layoutOf(cache: string, name: string, slot: number): Layout {
  const run = runFolder(cache, name);
  return {
    name,
    cache,
    run,
    logs: join(run, "logs"),
    certificates: join(run, "certificates"),
    kubeconfig: join(run, "kubeconfig"),
    state: join(run, "cluster.json"),
    hostLink: linkOf(slot),
    cgroup: `hanzo-fn-cluster-${slot}`,
    addresses: addressesOf(slot),
  };
}

export const linkOf = (slot: number): string => `fncluster${slot}`;
