import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { ownCache } from "../caches.ts";
import { withExcerpts } from "../excerpt.ts";
import { cutShort, unsupported } from "../failures.ts";
import { preinstalledGo } from "../preinstalled.ts";
import { giveTree } from "../seal.ts";
import type { Tools } from "../tools.ts";
import type { Compiler, CompileRequest, GoToolchain } from "../types.ts";
import { goFailure, parseGoErrors } from "./failures.ts";
import { generateGoMod, generateMain, GO_ONNX, GO_SDK } from "./generate.ts";
import { findHandler, goImports, mainMismatch, readGoFiles } from "./handler.ts";
import { useSdk, type GoModule } from "./module.ts";

interface Run {
  readonly code: number;
  readonly output: string;
  readonly stdout: string;
}

/** A build under way: `root` is the copy of the source that may be changed. */
type Work = CompileRequest & { readonly root: string };

/** Its parts of the standard library and of the SDK are all that a source without these imports consists of. */
const isForeign = (path: string): boolean =>
  path === "C" ||
  (path.split("/")[0]?.includes(".") === true && path !== GO_SDK && path !== `${GO_SDK}/server`);

/** Compiles Go sources. Nothing of a source runs while it is compiled, so that all share one cache. */
export function createGoCompiler(toolchain: GoToolchain, tools: Tools, cacheRoot: string): Compiler {
  const cache = { modules: join(cacheRoot, "go", "mod"), build: join(cacheRoot, "go", "build") };
  const settings = {
    GOROOT: toolchain.root,
    GOMODCACHE: cache.modules,
    GOCACHE: cache.build,
    GOENV: "off",
    GOWORK: "off",
    // What is installed compiles: a go.mod does not choose what runs on the platform's machine.
    GOTOOLCHAIN: "local",
    // Modules come from the module proxy alone: no version control program is run for one.
    GOVCS: "*:off",
    GOFLAGS: "-modcacherw",
  };

  const go = async (args: readonly string[], work: Work, cgo = false): Promise<Run> => {
    const result = await tools.run([toolchain.command, ...args], {
      cwd: work.root,
      scratch: work.scratch,
      env: { ...settings, CGO_ENABLED: cgo ? "1" : "0" },
      runs: "registry",
      diskRoots: [work.scratch, cache.modules],
      onLine: args[0] === "build" ? work.onLine : undefined,
      signal: work.signal,
    });
    if (result.kind === "missing")
      throw unsupported(`Go cannot be run (${result.reason})`, "see what is wrong: hanzo-fn doctor");
    if (result.kind !== "exit") throw cutShort("go", result, tools.timeoutMs);
    return result;
  };

  const edit = async (args: readonly string[], work: Work): Promise<string> => {
    const { code, output, stdout } = await go(["mod", "edit", ...args], work);
    if (code === 0) return stdout;
    throw goFailure(output, await withExcerpts(work.root, parseGoErrors(output, work.root)));
  };

  /** C takes part only where a package cannot do without: it makes programs larger and slower to start. */
  const needsC = async (target: string, { vendored }: GoModule, work: Work): Promise<boolean> => {
    const format = "{{if and (not .Standard) .CgoFiles}}{{.ImportPath}}{{end}}";
    const mode = vendored ? "-mod=vendor" : "-mod=mod";
    const { code, stdout } = await go(["list", mode, "-e", "-deps", "-f", format, target], work, true);
    return code === 0 && stdout.trim() !== "";
  };

  const compile = async (work: Work): Promise<{ readonly loadsModels: boolean }> => {
    const files = await readGoFiles(work.root);
    const handler = findHandler(files, work.entry);
    const imports = goImports(files);
    const models = files.some(({ text }) => /\.Model\(/.test(text)) && !imports.has(GO_ONNX);
    const goMod = join(work.root, "go.mod");
    if ((await readFile(goMod).catch(() => undefined)) === undefined) {
      const language = /^go(\d+\.\d+)/.exec(toolchain.version)?.[1] ?? "1.22";
      await writeFile(goMod, generateGoMod(language, preinstalledGo(imports)));
      await giveTree(goMod, tools.registryUser);
    }
    const used = models || imports.has(GO_ONNX) ? [GO_SDK, GO_ONNX] : [GO_SDK];
    const module = await useSdk(work.root, toolchain.sdk, used, (args) => edit(args, work));
    const main = generateMain(module.path, handler.package, handler.name, models);
    if (handler.package.name !== "main" || handler.package.main === undefined) {
      await mkdir(join(work.root, dirname(main.file)), { recursive: true });
      await writeFile(join(work.root, main.file), main.text);
    }
    await giveTree(work.root, tools.registryUser);
    const foreign = models || [...imports].some(isForeign);
    const cgo = foreign && (await needsC(main.target, module, work));
    const out = join(work.scratch, "out", "function");
    const release = ["-trimpath", "-ldflags=-s -w -buildid="];
    const flags = [...(work.mode === "release" ? release : []), "-buildvcs=false", "-o", out];
    const mode = module.vendored ? "-mod=vendor" : "-mod=mod";
    const { code, output } = await go(["build", mode, ...flags, main.target], work, cgo);
    if (code !== 0) {
      const details = parseGoErrors(output, work.root);
      const inMain = details.find(({ path }) => path === main.file);
      if (inMain !== undefined) throw mainMismatch(work.entry, handler, inMain.rule);
      throw goFailure(output, await withExcerpts(work.root, details));
    }
    await rename(out, work.program);
    return { loadsModels: models || imports.has(GO_ONNX) };
  };

  return {
    key: `${toolchain.version} ${toolchain.sdkDigest}`,
    async compile(request) {
      const isFirst = (await readdir(cache.build).catch(() => [])).length === 0;
      if (isFirst) request.onLine("compiling the standard library, once for this machine");
      await ownCache([cache.modules, cache.build], tools.registryUser);
      const [root, out] = [join(request.scratch, "source"), join(request.scratch, "out")];
      for (const dir of [root, out]) await rm(dir, { recursive: true, force: true });
      await mkdir(out);
      // The go command would leave a process behind that writes here after the build is over.
      const telemetry = join(request.scratch, "home", ".config", "go", "telemetry");
      await mkdir(telemetry, { recursive: true });
      await writeFile(join(telemetry, "mode"), "off");
      await cp(request.source, root, { recursive: true, verbatimSymlinks: true });
      await giveTree(request.scratch, tools.registryUser);
      return compile({ ...request, root });
    },
  };
}
