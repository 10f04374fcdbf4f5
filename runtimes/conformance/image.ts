import { execFile, execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { chown, cp, mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { type ImageConfig, NONROOT, openLayout, RUNTIME_IMAGES, unpackImage } from "@hanzo-fn/oci";
import type { LanguageName, Program } from "./languages.ts";
import { SHARED } from "./server.ts";

const run = promisify(execFile);
const UNPACK_LIMIT_MS = 120_000;

/** What a bundle needs to know of its image. */
interface Image {
  readonly root: string;
  readonly config: ImageConfig["config"];
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

/**
 * The same server inside the language's image: a container of runc with the image's user and a read-only root, which sees
 * the test's folder at the same path and nothing else of this machine.
 * @param layoutFolder the OCI layout that scripts/images.ts wrote
 */
export async function inImage(
  language: LanguageName,
  layoutFolder: string,
  program: Program,
): Promise<Program> {
  const image = await unpacked(language, layoutFolder);
  return {
    command: "runc",
    args: [],
    // A compiled function lies in the source, where the agent looks for it.
    wrap: async (directory, env) => {
      const source = join(directory, "source");
      if (existsSync(program.command) && program.args.length === 0)
        await cp(program.command, join(source, "function"));
      const bundle = join(directory, "bundle");
      await mkdir(bundle);
      await mkdir(SHARED, { recursive: true });
      await handOver(directory);
      await writeFile(join(bundle, "config.json"), JSON.stringify(runtimeSpec(image, directory, env)));
      return { args: ["run", "--bundle", bundle, idOf(directory)] };
    },
    remove: async (directory) => {
      await run("runc", ["delete", "--force", idOf(directory)]).catch(() => undefined);
    },
  };
}

const idOf = (directory: string): string => `hanzo-fn-${basename(directory)}`;

/** The image's files, once per digest. */
async function unpacked(language: LanguageName, layoutFolder: string): Promise<Image> {
  const layout = await openLayout(layoutFolder);
  const found = await layout.find(RUNTIME_IMAGES[language]);
  if (found === undefined)
    throw new Error(`${RUNTIME_IMAGES[language]} is not in ${layoutFolder}: run scripts/images.ts`);
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

/** Gives the test's folder to the user of the container. */
async function handOver(directory: string): Promise<void> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const paths = [directory, ...entries.map((entry) => join(entry.parentPath, entry.name))];
  await Promise.all(paths.map((path) => chown(path, NONROOT, NONROOT)));
}

/** The configuration of the OCI runtime specification, v1.1: no capabilities, no new privileges, the host's network. */
function runtimeSpec(
  { root, config }: Image,
  directory: string,
  env: Readonly<Record<string, string>>,
): object {
  const variables = Object.fromEntries(
    (config.Env ?? []).map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
  // The image's own search path holds, not that of the machine which runs the tests.
  const { PATH: _, ...own } = env;
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
      args: config.Entrypoint ?? [],
      env: Object.entries({ ...variables, ...own }).map(([name, value]) => `${name}=${value}`),
      cwd: directory,
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
      ...[directory, SHARED].map((path) => ({
        type: "bind",
        source: path,
        destination: path,
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
