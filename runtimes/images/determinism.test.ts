import { execFile } from "node:child_process";
import { chmod, cp, lutimes, mkdir, readdir, realpath, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { RUNTIME_IMAGES } from "@hanzo-fn/oci";
import { tempDir } from "@hanzo-fn/testkit";
import { expect, inject, it } from "vitest";
import { ROOT } from "../../scripts/run-command.ts";

const run = promisify(execFile);

/** What decides about the images. */
const FOLDERS = [
  "packages/oci",
  "packages/contract",
  "packages/builder",
  "packages/lifecycle",
  "packages/telemetry",
  "scripts",
  "runtimes/python",
  "runtimes/typescript",
  "runtimes/go",
  "runtimes/rust/agent",
  "runtimes/conformance",
];
const LEFT_OUT = /(^|\/)(node_modules|target|__pycache__|templates|fixtures|tests)(\/|$)/;
/** Workspaces of ours, which the copy has to find in itself. */
const SCOPES = new Set(["@hanzo-fn", "@hanzo"]);
const PACKAGES: Readonly<Record<string, string>> = {
  "@hanzo-fn/oci": "packages/oci",
  "@hanzo-fn/contract": "packages/contract",
  "@hanzo-fn/builder": "packages/builder",
  "@hanzo-fn/lifecycle": "packages/lifecycle",
  "@hanzo-fn/telemetry": "packages/telemetry",
  "@hanzo/functions": "runtimes/typescript",
};

/** A repository with other modes and other times: as if it were checked out by somebody else, in another year. */
async function copyRepository(target: string, umask: number, time: Date): Promise<void> {
  await cp(join(ROOT, "package.json"), join(target, "package.json"));
  for (const folder of FOLDERS) {
    const filter = (path: string): boolean => !LEFT_OUT.test(path.slice(join(ROOT, folder).length));
    await cp(join(ROOT, folder), join(target, folder), { recursive: true, filter });
  }
  for (const folder of FOLDERS) await disguise(join(target, folder), umask, time);
  const modules = join(target, "node_modules");
  await mkdir(modules);
  for (const name of await readdir(join(ROOT, "node_modules"))) {
    if (!SCOPES.has(name)) await symlink(join(ROOT, "node_modules", name), join(modules, name));
  }
  for (const [name, folder] of Object.entries(PACKAGES)) {
    await mkdir(join(modules, name, ".."), { recursive: true });
    await symlink(join(target, folder), join(modules, name));
  }
  // What is downloaded is the same for both.
  await mkdir(join(target, ".cache"));
  for (const name of await readdir(join(ROOT, ".cache"))) {
    if (!/^(debian-packages|node-\d.*)$/.test(name)) continue;
    await symlink(await realpath(join(ROOT, ".cache", name)), join(target, ".cache", name));
  }
}

async function disguise(folder: string, umask: number, time: Date): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isSymbolicLink()) await lutimes(path, time, time);
    else {
      await chmod(path, (entry.isDirectory() ? 0o777 : 0o666) & ~umask);
      await utimes(path, time, time);
    }
  }
}

/** Assembles all images in a copy; answers digests by name. */
async function assembled(umask: string, zone: string, time: Date): Promise<Record<string, string>> {
  await using copy = await tempDir();
  const target = join(copy.path, `a folder of ${umask}`);
  await mkdir(target);
  await copyRepository(target, Number.parseInt(umask, 8), time);
  // A path with a space and another umask, zone and home: none of it may show.
  const script = `umask ${umask} && exec "$0" scripts/images.ts --always`;
  const home = join(target, "home");
  await mkdir(home);
  const [goCache, rustup] = [
    join(ROOT, ".cache", "go-build"),
    process.env["RUSTUP_HOME"] ?? join(process.env["HOME"] ?? "/", ".rustup"),
  ];
  await writeFile(join(home, ".keep"), "");
  const env = { ...process.env, HOME: home, TZ: zone, GOCACHE: goCache, RUSTUP_HOME: rustup, GOFLAGS: "" };
  const { stdout } = await run("sh", ["-c", script, process.execPath], { cwd: target, env });
  const images = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { image: string; digest: string });
  return Object.fromEntries(images.map(({ image, digest }) => [image, digest]));
}

it(
  "assembles all runtime images with equal digests from different folders, umasks, zones, homes and file times",
  { timeout: 600_000 },
  async (context) => {
    const images = inject("images");
    if ("reason" in images) context.skip(images.reason);
    const one = await assembled("077", "Pacific/Kiritimati", new Date(Date.UTC(1999, 0, 1)));
    const two = await assembled("002", "America/Lima", new Date(Date.UTC(2031, 5, 1)));
    expect(Object.keys(one).toSorted()).toEqual(Object.values(RUNTIME_IMAGES).toSorted());
    expect(two).toEqual(one);
  },
);
