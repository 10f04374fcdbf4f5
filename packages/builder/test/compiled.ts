import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { systemClock } from "@hanzo-fn/lifecycle";
import type { Logger } from "@hanzo-fn/telemetry";
import { pack } from "tar-stream";
import type { TestContext } from "vitest";
import { createBuilder, type Builder, type BuilderOptions, type WorkingCopy } from "../src/index.ts";

const REPOSITORY = fileURLToPath(new URL("../../..", import.meta.url));
/** Kept between runs, so that the standard library and the SDK are compiled once. */
export const BUILD_CACHE = join(REPOSITORY, ".cache", "builds");

const silent: Logger = { log() {}, debug() {}, info() {}, warn() {}, error() {}, child: () => silent };

export type Files = Readonly<Record<string, string>>;

async function* archive(files: Files): AsyncGenerator<Uint8Array> {
  const tar = pack();
  for (const [name, content] of Object.entries(files)) tar.entry({ name }, content);
  tar.finalize();
  const parts: Buffer[] = [];
  for await (const part of tar as AsyncIterable<Buffer>) parts.push(part);
  yield gzipSync(Buffer.concat(parts));
}

function output(command: string, args: readonly string[]): string {
  return execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
}

/** The Go of the PATH as a build takes it; skips where there is none. */
export function needGo(context: TestContext): NonNullable<BuilderOptions["runtimes"]["go"]> {
  try {
    const [root = "", version = ""] = output("go", ["env", "GOROOT", "GOVERSION"]).split("\n");
    const sdk = join(REPOSITORY, "runtimes", "go");
    return { command: join(root, "bin", "go"), root, version, sdk, sdkDigest: "test" };
  } catch {
    return context.skip("Go is not installed here");
  }
}

/** The Rust of the PATH as a build takes it; skips where there is none. */
export function needRust(context: TestContext): NonNullable<BuilderOptions["runtimes"]["rust"]> {
  try {
    const root = output("rustc", ["--print", "sysroot"]);
    const [cargo, rustc] = [join(root, "bin", "cargo"), join(root, "bin", "rustc")];
    if (!existsSync(cargo)) return context.skip("cargo is not installed here");
    const sdk = join(REPOSITORY, "runtimes", "rust");
    const [version = "", ...rest] = output(rustc, ["-vV"]).split("\n");
    const host = rest.find((line) => line.startsWith("host: "))?.slice(6) ?? "";
    return { cargo, rustc, version, host, sdk, sdkDigest: "test" };
  } catch {
    return context.skip("Rust is not installed here");
  }
}

export interface TestBuilder extends AsyncDisposable {
  readonly builder: Builder;
  readonly root: string;
  readonly lines: string[];
  build(
    runtime: string,
    entry: string,
    files: Files,
    more?: { readonly org?: string; readonly function?: string; readonly signal?: AbortSignal },
  ): Promise<WorkingCopy>;
}

/** A builder in a directory of its own with the kept cache. */
export async function openBuilder(
  runtimes: Partial<BuilderOptions["runtimes"]>,
  options: Partial<BuilderOptions> = {},
): Promise<TestBuilder> {
  const root = await mkdtemp(join(tmpdir(), "hanzo-fn-builder-"));
  const sources = new Map<string, Files>();
  const lines: string[] = [];
  const builder = await createBuilder(
    {
      openSource: async (_org, digest) => archive(sources.get(digest) ?? {}),
      clock: systemClock,
      log: silent,
    },
    {
      workRoot: join(root, "work"),
      layersRoot: join(root, "layers"),
      cacheRoot: BUILD_CACHE,
      runtimes: { node: { command: [process.execPath] }, ...runtimes },
      hostEnvironment: process.env,
      ...options,
    },
  );
  return {
    builder,
    root,
    lines,
    build(runtime, entry, files, more = {}) {
      const sourceDigest = createHash("sha256").update(JSON.stringify(files)).digest("hex");
      sources.set(sourceDigest, files);
      return builder.prepare(
        {
          org: more.org ?? "acme",
          function: more.function ?? "f",
          revision: "f-00001",
          runtime,
          entry,
          sourceDigest,
        },
        more.signal ?? new AbortController().signal,
        (line) => void lines.push(line),
      );
    },
    async [Symbol.asyncDispose]() {
      await builder.close();
      await rm(root, { recursive: true, force: true });
    },
  };
}

/** The toolchain where another user can reach it: its files linked below the kept cache. */
export async function reachable(
  rust: NonNullable<BuilderOptions["runtimes"]["rust"]>,
): Promise<NonNullable<BuilderOptions["runtimes"]["rust"]>> {
  const root = join(rust.rustc, "..", "..");
  const target = join(BUILD_CACHE, "rust-toolchain");
  if (!existsSync(target)) {
    await mkdir(target, { recursive: true });
    for (const part of ["bin", "lib", "libexec"]) {
      if (existsSync(join(root, part))) execFileSync("cp", ["-al", join(root, part), target]);
    }
  }
  return { ...rust, cargo: join(target, "bin", "cargo"), rustc: join(target, "bin", "rustc") };
}
