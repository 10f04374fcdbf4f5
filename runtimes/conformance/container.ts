import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { type ImageConfig, NONROOT, openLayout, unpackImage } from "@hanzo-fn/oci";

const UNPACK_LIMIT_MS = 120_000;

/** What a container needs to know of its image. */
export interface UnpackedImage {
  /** The folder of its files; containers share it. */
  readonly root: string;
  readonly config: ImageConfig["config"];
}

export interface ContainerOptions {
  /** Over the image's own. */
  readonly env: Readonly<Record<string, string>>;
  /** Folders of this machine that it sees, by their path inside, and may write where the owner lets it. */
  readonly folders: Readonly<Record<string, string>>;
  /** Default: the image's. */
  readonly cwd?: string | undefined;
  /** Default: the image's entry point and command. */
  readonly args?: readonly string[] | undefined;
}

/** Why containers cannot run here, in words; undefined where they can. */
export function noContainers(): string | undefined {
  if (process.getuid?.() !== 0) return "containers are started as root";
  try {
    execFileSync("runc", ["--version"], { stdio: "ignore" });
    return undefined;
  } catch {
    return "runc is not installed";
  }
}

/** The files of an image in a layout, unpacked once per digest beside the layout. */
export async function unpackedImage(layoutFolder: string, name: string): Promise<UnpackedImage> {
  const layout = await openLayout(layoutFolder);
  const found = await layout.find(name);
  if (found === undefined) throw new Error(`${name} is not in ${layoutFolder}: run scripts/images.ts`);
  const { config } = await layout.readJson<ImageConfig>(found.manifest.config.digest);
  const root = `${layoutFolder}-roots/${found.descriptor.digest.slice("sha256:".length)}`;
  if (!existsSync(root)) {
    const fresh = `${root}.${process.pid}`;
    await unpackImage(layout, found.manifest, fresh, AbortSignal.timeout(UNPACK_LIMIT_MS));
    await rename(fresh, root).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
      await rm(fresh, { recursive: true, force: true });
    });
  }
  return { root, config };
}

/**
 * The configuration of the OCI runtime specification, v1.1: the image's user and a read-only root, no capabilities, no new
 * privileges, the host's network, and of this machine nothing but `folders`.
 */
export function containerSpec({ root, config }: UnpackedImage, options: ContainerOptions): object {
  const variables = Object.fromEntries(
    (config.Env ?? []).map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
  const mount = (type: string, destination: string, options: readonly string[] = []) => ({
    type,
    source: type,
    destination,
    options: ["nosuid", "noexec", "nodev", ...options],
  });
  return {
    ociVersion: "1.0.2",
    process: {
      terminal: false,
      user: { uid: NONROOT, gid: NONROOT },
      args: options.args ?? [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])],
      env: Object.entries({ ...variables, ...options.env }).map(([name, value]) => `${name}=${value}`),
      cwd: options.cwd ?? config.WorkingDir ?? "/",
      capabilities: { bounding: [], effective: [], inheritable: [], permitted: [], ambient: [] },
      rlimits: [{ type: "RLIMIT_NOFILE", hard: 4096, soft: 4096 }],
      noNewPrivileges: true,
    },
    root: { path: root, readonly: true },
    hostname: "container",
    mounts: [
      mount("proc", "/proc"),
      { type: "tmpfs", source: "tmpfs", destination: "/dev", options: ["nosuid", "mode=755", "size=65536k"] },
      mount("tmpfs", "/tmp", ["mode=1777", "size=64m"]),
      ...Object.entries(options.folders).map(([destination, source]) => ({
        type: "bind",
        source,
        destination,
        options: ["bind", "rw"],
      })),
    ],
    linux: {
      namespaces: [{ type: "pid" }, { type: "ipc" }, { type: "uts" }, { type: "mount" }],
      maskedPaths: ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"],
      readonlyPaths: ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
    },
  };
}
