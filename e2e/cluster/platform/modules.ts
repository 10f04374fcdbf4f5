import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** A folder with a go.mod whose programs the cluster needs. */
export interface GoModule {
  readonly name: string;
  readonly folder: string;
  /** Program to package. */
  readonly programs: Readonly<Record<string, string>>;
  /** After `-s -w`; `versions` are those of go.mod. */
  readonly ldflags: (versions: ReadonlyMap<string, string>) => readonly string[];
}

const FOLDER = fileURLToPath(new URL("..", import.meta.url));

const KUBERNETES_PROGRAMS = [
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
  "kubelet",
  "kube-proxy",
  "kubectl",
] as const;
const KNATIVE_PROGRAMS = ["controller", "webhook", "autoscaler", "activator", "queue"] as const;

const each = (names: readonly string[], below: string): Record<string, string> =>
  Object.fromEntries(names.map((name) => [name, `${below}/${name}`]));

export const kubernetesModule: GoModule = {
  name: "kubernetes",
  folder: join(FOLDER, "modules", "kubernetes"),
  programs: {
    etcd: "go.etcd.io/etcd/server/v3",
    ...each(KUBERNETES_PROGRAMS, "k8s.io/kubernetes/cmd"),
  },
  ldflags: (versions) => kubernetesVersion(versions.get("k8s.io/kubernetes") ?? "v0.0.0"),
};

export const knativeModule: GoModule = {
  name: "knative",
  folder: join(FOLDER, "modules", "knative"),
  programs: each(KNATIVE_PROGRAMS, "knative.dev/serving/cmd"),
  ldflags: () => [],
};

/** Our own: the process that keeps namespaces, also the sandbox of pods, and what the tests deploy. */
export const fixturesModule: GoModule = {
  name: "fixtures",
  folder: join(FOLDER, "fixtures"),
  programs: { pause: "./pause", hello: "./hello" },
  ldflags: () => [],
};

/** Without these the programs call themselves v0.0.0-master, and kubelet and API server refuse each other. */
function kubernetesVersion(version: string): string[] {
  const [major = "", minor = ""] = version.slice(1).split(".");
  const component = "k8s.io/component-base/version";
  return [
    `-X ${component}.gitVersion=${version}`,
    `-X ${component}.gitMajor=${major}`,
    `-X ${component}.gitMinor=${minor}`,
    `-X k8s.io/client-go/pkg/version.gitVersion=${version}`,
  ];
}

/** Module to version, of the `require` lines. */
export function requiredVersions(goMod: string): Map<string, string> {
  const found = goMod.matchAll(/^(?:require )?\s*([\w./~-]+\.[\w./~-]+) (v\S+)(?: \/\/ indirect)?$/gm);
  return new Map([...found].map(([, module = "", version = ""]) => [module, version]));
}
