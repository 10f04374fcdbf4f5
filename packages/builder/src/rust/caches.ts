import { execFile } from "node:child_process";
import { createHash, createHmac, randomUUID } from "node:crypto";
import { access, chmod, cp, mkdir, readdir, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { createSingleFlight } from "@hanzo-fn/lifecycle";
import { ownCache } from "../caches.ts";
import { giveTree, sealTree } from "../seal.ts";
import type { Tools } from "../tools.ts";
import type { RustToolchain } from "../types.ts";
import { FEATURES, featuresCrate } from "./manifest.ts";

/** Raise it when the kept directories are made differently. */
const FORMAT = "3";

const run = promisify(execFile);

export type Mode = "release" | "dev";

/** What is compiled apart from each other: loading models takes crates that others do not have. */
export interface Variant {
  readonly mode: Mode;
  readonly models: boolean;
}

export interface RustCaches {
  /** CARGO_HOME: the crates of all, written by commands that run none of them. */
  readonly home: string;
  /** The SDK at a path that stays the same for one content: cargo takes another path for another crate. */
  sdk(): Promise<string>;
  /** Compiled crates of one organisation; begins as a copy of what the platform has compiled of its own. */
  target(
    org: string,
    variant: Variant,
    base: BaseBuild,
  ): Promise<{
    readonly target: string;
    /** Cargo.lock of what is compiled already: with other versions it would be of no use. */
    readonly lock: string;
  }>;
  /** Removes what was not used since; times in milliseconds since the epoch. */
  collect(before: number): Promise<void>;
  /** Where the source of one function is compiled: the same path every time. */
  folder(org: string, name: string): string;
}

/** Compiles what every function needs, in an empty directory; `target` is where cargo puts it. */
export type BaseBuild = (dir: string, target: string) => Promise<void>;

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/**
 * Build scripts and macros of one organisation's crates run while they are compiled, and what they could write to is
 * used again: so compiled crates are kept per organisation, below names that cannot be guessed, and only the platform's
 * own are shared, as a copy.
 */
export function createRustCaches(
  { version, sdk, sdkDigest }: RustToolchain,
  tools: Tools,
  places: { readonly cacheRoot: string; readonly ownRoot: string; readonly secret: Buffer },
): RustCaches {
  const root = join(places.cacheRoot, "rust");
  const format = `${FORMAT} ${sdkDigest} ${featuresCrate()}`;
  const short = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 16);
  const nameOf = (...parts: readonly string[]): string =>
    createHmac("sha256", places.secret)
      .update(JSON.stringify(["rust", ...parts]))
      .digest("hex")
      .slice(0, 32);
  const singleFlight = createSingleFlight<void>();

  /** Makes a directory once; `fill` works beside it, and a rename ends it. */
  const once = async (dir: string, fill: (fresh: string) => Promise<void>): Promise<string> => {
    await singleFlight(dir, async () => {
      if (await exists(dir)) return;
      const fresh = join(dir, "..", `.tmp-${basename(dir)}-${randomUUID()}`);
      try {
        await mkdir(fresh, { recursive: true, mode: 0o755 });
        await fill(fresh);
        // Another platform that shares the cache may have been first.
        await rename(fresh, dir).catch(async (error: unknown) => {
          if (!(await exists(dir))) throw error;
        });
      } finally {
        await rm(fresh, { recursive: true, force: true });
      }
    });
    return dir;
  };

  const sdkDir = (): Promise<string> =>
    once(join(root, `sdk-${short(format)}`), async (fresh) => {
      const isPart = (path: string): boolean => !["target", "tests"].includes(basename(path));
      await cp(sdk, fresh, { recursive: true, filter: isPart });
      await mkdir(join(fresh, FEATURES, "src"), { recursive: true });
      await writeFile(join(fresh, FEATURES, "Cargo.toml"), featuresCrate());
      await writeFile(join(fresh, FEATURES, "src", "lib.rs"), "");
      await sealTree(fresh);
    });

  const variantName = ({ mode, models }: Variant): string => (models ? `${mode}-models` : mode);

  const base = (variant: Variant, build: BaseBuild): Promise<string> =>
    once(join(root, `base-${variantName(variant)}-${short(`${version} ${format}`)}`), async (fresh) => {
      await giveTree(fresh, tools.sourceUser);
      await build(fresh, join(fresh, "target"));
      // All of it becomes the platform's: organisations begin with what lies here.
      await sealTree(fresh);
    });

  return {
    home: join(root, "home"),
    sdk: sdkDir,
    folder: (org, name) => join(places.ownRoot, nameOf(org, "source"), short(name)),
    async target(org, variant, build) {
      await ownCache([join(root, "home")], tools.registryUser);
      await mkdir(places.ownRoot, { recursive: true });
      await chmod(places.ownRoot, 0o711);
      const made = await base(variant, build);
      const dir = join(places.ownRoot, nameOf(org, variantName(variant), version, format));
      await once(dir, async (fresh) => {
        // As it is, times to the nanosecond: cargo compares them.
        await run("cp", ["-a", join(made, "target"), join(fresh, "target")]);
        await giveTree(fresh, tools.sourceUser);
      });
      for (const used of [dir, made, await sdkDir()]) await utimes(used, new Date(), new Date());
      return { target: join(dir, "target"), lock: join(made, "Cargo.lock") };
    },
    async collect(before) {
      for (const parent of [root, places.ownRoot]) {
        for (const name of await readdir(parent).catch(() => [])) {
          const path = join(parent, name);
          const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Infinity }));
          if (name !== "home" && mtimeMs < before) await rm(path, { recursive: true, force: true });
        }
      }
    },
  };
}

/** A package with nothing of its own that depends on what every function does. */
export async function writeBasePackage(
  dir: string,
  cargoToml: string,
  main: string,
  lock: string,
): Promise<void> {
  await mkdir(join(dir, "src"));
  await writeFile(join(dir, "Cargo.toml"), cargoToml);
  await writeFile(join(dir, "Cargo.lock"), lock);
  await writeFile(join(dir, "src", "hanzo_fn_main.rs"), main);
}
