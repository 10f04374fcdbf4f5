import { createHash } from "node:crypto";
import { copyFile, cp, lstat, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join, relative, sep } from "node:path";
import { PlatformError, type ErrorDetail } from "@hanzo-fn/contract";
import { withExcerpts } from "../excerpt.ts";
import { buildFailed } from "../failures.ts";
import { preinstalledRust } from "../preinstalled.ts";
import { giveTree } from "../seal.ts";
import { createLanes, createTurns } from "../turns.ts";
import type { Tools } from "../tools.ts";
import type { Compiler, CompileRequest, RustToolchain } from "../types.ts";
import { createRustCaches, writeBasePackage, type Mode, type Variant } from "./caches.ts";
import { createCargo, type CargoWork } from "./cargo.ts";
import { rustFailure } from "./failures.ts";
import { adaptCargoToml, FEATURES, generateCargoToml, namesProfile, usesModels } from "./manifest.ts";
import {
  entryMismatch,
  entryMissing,
  findRustHandler,
  RUST_MAIN,
  rustMain,
  type RustFile,
} from "./source.ts";

/** `cargo metadata`, as far as it is read here. */
interface Metadata {
  readonly packages: readonly {
    readonly manifest_path: string;
    readonly targets: readonly { readonly name: string; readonly kind: readonly string[] }[];
    readonly dependencies: readonly {
      readonly name: string;
      readonly source: string | null;
      readonly path?: string;
    }[];
  }[];
}

const DEFAULTS: Readonly<Record<Mode, readonly string[]>> = {
  // What a function depends on is compiled once and kept; only the function and the link remain.
  release: [
    "profile.release.debug=false",
    `profile.release.strip="debuginfo"`,
    "profile.release.lto=false",
    "profile.release.codegen-units=16",
    `profile.release.package."*".codegen-units=1`,
  ],
  dev: [
    `profile.dev.debug="line-tables-only"`,
    "profile.dev.incremental=true",
    `profile.dev.package."*".opt-level=1`,
  ],
};
const BASE_BIN = "base";
const BASE_MAIN = `async fn base(_: hanzo_functions::Context) -> hanzo_functions::Result<hanzo_functions::Response> {
    Ok(hanzo_functions::Response::ok(serde_json::json!({})))
}

fn main() {
    hanzo_functions::serve(base)
}
`;

/** A panic ends one call and not the process, whatever the user's profile says. */
function profileSettings(mode: Mode, cargoToml: string | undefined): readonly string[] {
  const profile = mode === "release" ? "release" : "dev";
  const own = cargoToml !== undefined && namesProfile(cargoToml, profile);
  return [`profile.${profile}.panic="unwind"`, ...(own ? [] : DEFAULTS[mode])];
}

async function readRustFiles(root: string): Promise<RustFile[]> {
  const entries = await readdir(join(root, "src"), { recursive: true, withFileTypes: true }).catch(() => []);
  const paths = entries
    .filter((entry) => entry.isFile() && entry.name.endsWith(".rs"))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join("/"))
    .toSorted();
  return Promise.all(paths.map(async (path) => ({ path, text: await readFile(join(root, path), "utf8") })));
}

const readText = (path: string): Promise<string | undefined> => readFile(path, "utf8").catch(() => undefined);

/** Compiles Rust sources. Their crates' build scripts and macros run while they are compiled. */
export function createRustCompiler(
  toolchain: RustToolchain,
  tools: Tools,
  places: { readonly cacheRoot: string; readonly ownRoot: string; readonly secret: Buffer },
): Compiler {
  const caches = createRustCaches(toolchain, tools, places);
  const cargo = createCargo(toolchain, tools);
  const turns = createTurns();
  const lanes = createLanes(Math.max(1, Math.floor(availableParallelism() / 2)));

  const sdkLock = async (): Promise<string> =>
    (await readText(join(await caches.sdk(), "Cargo.lock"))) ?? "version = 4\n";

  const buildBase =
    ({ mode, models }: Variant, { scratch, onLine, signal }: CompileRequest) =>
    async (dir: string, target: string): Promise<void> => {
      const what = models ? "the SDK with what loads models" : "the SDK";
      onLine(`compiling ${what}, once for this machine`);
      const sdk = { path: await caches.sdk(), models };
      const bin = { name: BASE_BIN, path: RUST_MAIN };
      const crates = preinstalledRust([]);
      await writeBasePackage(dir, generateCargoToml(sdk, crates, bin), BASE_MAIN, await sdkLock());
      const work = { root: dir, scratch, home: caches.home, target, onLine, signal };
      const built = await cargo.build(BASE_BIN, mode, profileSettings(mode, undefined), work);
      if (built.ok) return;
      throw new PlatformError("internal", `the platform's SDK does not compile: ${built.errors[0]?.rule}`, {
        component: "builder",
      });
    };

  /** What the user's own manifest says about the package, checked for what leaves the source. */
  const inspect = async (work: CargoWork): Promise<{ readonly library: string | undefined }> => {
    const { packages } = (await cargo.metadata(work)) as Metadata;
    const own = packages.find(({ manifest_path }) => manifest_path === join(work.root, "Cargo.toml"));
    if (own === undefined)
      throw buildFailed("Cargo.toml names no package", [
        { path: "Cargo.toml", rule: "the source's root must be a package, not only a workspace" },
      ]);
    const problems: ErrorDetail[] = [];
    for (const { name, source, path } of packages.flatMap((item) => item.dependencies)) {
      if (/^hanzo[_-]functions$/.test(name) || name === FEATURES) continue;
      const refuse = (rule: string): void => void problems.push({ path: "Cargo.toml", value: name, rule });
      if (source?.startsWith("git+") === true) refuse(`${name} must come from a registry, not from git`);
      if (path !== undefined && !`${path}/`.startsWith(`${work.root}/`))
        refuse(`${name} leaves the source; ship its code in the source`);
    }
    if (problems.length > 0) throw buildFailed("Cargo.toml cannot be built", problems);
    const library = own.targets.find(({ kind }) => kind.some((item) => /^(?:r|dy)?lib$/.test(item)));
    return { library: library?.name.replaceAll("-", "_") };
  };

  /** Makes the copy at `work.root` a package with the program to build; answers what the profile is to be. */
  const adapt = async (request: CompileRequest, work: CargoWork, bin: string, lock: string) => {
    const { root } = work;
    const files = await readRustFiles(root);
    const handler = findRustHandler(files, request.entry);
    const own = await readText(join(root, "Cargo.toml"));
    await giveTree(root, tools.registryUser);
    const library =
      own === undefined
        ? files.some(({ path }) => path === "src/lib.rs")
          ? "function"
          : undefined
        : (await inspect(work)).library;
    const main = rustMain(files, request.entry, library);
    const sdk = { path: await caches.sdk(), models: usesModels(files) };
    const program = { name: bin, path: main.path };
    const texts = files.map(({ text }) => text);
    const toml =
      own === undefined
        ? generateCargoToml(sdk, preinstalledRust(texts), program)
        : adaptCargoToml(own, sdk, program);
    await rm(join(root, "Cargo.toml"), { force: true });
    await writeFile(join(root, "Cargo.toml"), toml);
    if (main.text !== undefined) await writeFile(join(root, main.path), main.text);
    if ((await readText(join(root, "Cargo.lock"))) === undefined)
      await copyFile(lock, join(root, "Cargo.lock"));
    return { handler, settings: profileSettings(request.mode, own), loadsModels: sdk.models };
  };

  const failed = async (
    request: CompileRequest,
    handler: RustFile,
    errors: readonly ErrorDetail[],
    root: string,
  ): Promise<never> => {
    const inMain = errors.find(({ path }) => path === RUST_MAIN);
    if (inMain !== undefined && errors.every(({ path }) => path === RUST_MAIN)) {
      if (/E0425|E0432|E0433|E0603|E0616/.test(inMain.rule)) throw entryMissing(request.entry, handler);
      throw entryMismatch(request.entry, inMain.rule);
    }
    throw rustFailure(
      await withExcerpts(
        root,
        errors.filter(({ path }) => path !== RUST_MAIN),
      ),
    );
  };

  /** The user of the build reads the program; the platform only renames what that user could read. */
  const takeProgram = async (request: CompileRequest, work: CargoWork, bin: string): Promise<void> => {
    const out = join(request.scratch, "out");
    await rm(out, { recursive: true, force: true });
    await mkdir(out);
    await giveTree(out, tools.sourceUser);
    const made = join(work.target, request.mode === "release" ? "release" : "debug", bin);
    await tools.run(["cp", "-T", made, join(out, "function")], {
      cwd: out,
      scratch: request.scratch,
      runs: "source",
      signal: request.signal,
    });
    if (!(await lstat(join(out, "function"))).isFile()) throw buildFailed("cargo made no program", []);
    await rename(join(out, "function"), request.program);
  };

  const compile = async (request: CompileRequest): Promise<{ readonly loadsModels: boolean }> => {
    const { org, mode, scratch, onLine, signal } = request;
    await giveTree(scratch, tools.sourceUser);
    const variant = { mode, models: usesModels(await readRustFiles(request.source)) };
    const { target, lock } = await caches.target(org, variant, buildBase(variant, request));
    const root = caches.folder(org, request.function);
    await rm(root, { recursive: true, force: true });
    await mkdir(join(root, ".."), { recursive: true });
    await cp(request.source, root, { recursive: true, verbatimSymlinks: true });
    // Settings of a cargo that is not the platform's could run programs, or take crates from elsewhere.
    await rm(join(root, ".cargo"), { recursive: true, force: true });
    const work: CargoWork = { root, scratch, home: caches.home, target, onLine, signal };
    const bin = `fn-${createHash("sha256").update(request.function).digest("hex").slice(0, 12)}`;
    const { handler, settings, loadsModels } = await adapt(request, work, bin, lock);
    const built = await cargo.build(bin, mode, settings, work);
    if (!built.ok) await failed(request, handler, built.errors, root);
    await takeProgram(request, work, bin);
    return { loadsModels };
  };

  return {
    key: `${toolchain.version} ${toolchain.sdkDigest}`,
    // One at a time per organisation, whose compiled crates they share; cargo itself uses all processors.
    compile: (request) =>
      turns(request.org, request.signal, () => lanes(request.signal, () => compile(request))),
    collect: (before) => caches.collect(before),
  };
}
