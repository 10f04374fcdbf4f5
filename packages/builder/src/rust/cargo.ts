import { join } from "node:path";
import type { ErrorDetail } from "@hanzo-fn/contract";
import { cutShort, unsupported } from "../failures.ts";
import { giveTree } from "../seal.ts";
import type { ToolCall, Tools } from "../tools.ts";
import type { RustToolchain } from "../types.ts";
import { cargoFailure, readRustError } from "./failures.ts";
import type { Mode } from "./caches.ts";

export interface CargoWork {
  /** The package. */
  readonly root: string;
  readonly scratch: string;
  readonly home: string;
  readonly target: string;
  readonly onLine: (line: string) => void;
  readonly signal: AbortSignal;
}

export type CargoBuilt =
  | { readonly ok: true }
  /** The compiler's errors. */
  | { readonly ok: false; readonly errors: readonly ErrorDetail[] };

/** What an offline build says where something has to be fetched first. */
const LACKING =
  /--offline was specified|offline mode|attempting to make an HTTP request|no matching package|failed to select a version|failed to (?:download|get)|unable to (?:get|update)|you may want to run without the .*offline/i;

/** Without where things lie on the platform's machine. */
function say({ onLine }: CargoWork, line: string): void {
  onLine(line.trimStart().replaceAll(/ \(\/[^)]*\)/g, ""));
}

/** Holds lines back until something is compiled: what an offline attempt says before may be told by fetching anew. */
function heldBack(onLine: (line: string) => void): { line(text: string): void; end(told: boolean): void } {
  let held: string[] | undefined = [];
  const flush = (): void => {
    for (const text of held ?? []) onLine(text);
    held = undefined;
  };
  return {
    line(text) {
      if (/^\s*(?:Compiling|Finished)\b/.test(text)) flush();
      if (held === undefined) onLine(text);
      else held.push(text);
    },
    end: (told) => (told ? flush() : undefined),
  };
}

/** Runs cargo: fetching as the user of the caches, without running any crate; compiling as another one, offline. */
export function createCargo(toolchain: RustToolchain, tools: Tools) {
  const { cargo, rustc, host } = toolchain;

  const run = async (
    args: readonly string[],
    work: CargoWork,
    more: Partial<ToolCall> & Pick<ToolCall, "runs">,
  ) => {
    const result = await tools.run([cargo, ...args], {
      cwd: work.root,
      scratch: work.scratch,
      diskRoots: [work.scratch, work.target, join(work.home, "registry")],
      signal: work.signal,
      ...more,
      env: {
        CARGO_HOME: work.home,
        CARGO_TARGET_DIR: work.target,
        RUSTC: rustc,
        CARGO_TERM_COLOR: "never",
        // Crates come from registries alone: git is asked for what is no registry's, and refuses.
        CARGO_NET_GIT_FETCH_WITH_CLI: "true",
        GIT_ALLOW_PROTOCOL: "none",
        ...more.env,
      },
    });
    if (result.kind === "missing")
      throw unsupported(`cargo cannot be run (${result.reason})`, "see what is wrong: hanzo-fn doctor");
    if (result.kind !== "exit") throw cutShort("cargo", result, tools.timeoutMs);
    return result;
  };

  const compile = async (args: readonly string[], work: CargoWork) => {
    const errors: ErrorDetail[] = [];
    const held = heldBack((line) => say(work, line));
    const onLine = (line: string, from: "stdout" | "stderr"): void => {
      if (from === "stderr") return held.line(line);
      const found = readRustError(line);
      if (found === undefined) return;
      errors.push(found.error);
      for (const rendered of found.rendered.trimEnd().split("\n")) work.onLine(rendered);
    };
    const { code, output } = await run(args, work, { runs: "source", offline: true, onLine });
    const lacking = code !== 0 && errors.length === 0 && LACKING.test(output);
    held.end(!lacking);
    return { code, errors, output, lacking };
  };

  /** Crates keep the modes they were packed with, and some hide their files from the user who compiles them. */
  const uncover = async ({ root, scratch, home, signal }: CargoWork): Promise<void> => {
    const sources = join(home, "registry", "src");
    await tools.run(["chmod", "-R", "a+rX", sources], { cwd: root, scratch, runs: "registry", signal });
  };

  const fetch = async (work: CargoWork): Promise<void> => {
    await giveTree(work.root, tools.registryUser);
    const onLine = (line: string): void => say(work, line);
    const { code, output } = await run(["fetch", "--target", host], work, { runs: "registry", onLine });
    if (code !== 0) throw cargoFailure(output, work.root);
    await uncover(work);
    await giveTree(work.root, tools.sourceUser);
  };

  return {
    /** `cargo metadata` of the package alone. */
    async metadata(work: CargoWork): Promise<unknown> {
      const args = ["metadata", "--no-deps", "--offline", "--format-version=1"];
      const { code, output, stdout } = await run(args, work, { runs: "registry" });
      if (code !== 0) throw cargoFailure(output, work.root);
      return JSON.parse(stdout) as unknown;
    },
    /** Compiles one binary; fetches first where something is missing. Throws what is not the compiler's own error. */
    async build(bin: string, mode: Mode, settings: readonly string[], work: CargoWork): Promise<CargoBuilt> {
      const config = settings.flatMap((setting) => ["--config", setting]);
      const profile = mode === "release" ? ["--release"] : [];
      const args = ["build", "--offline", "--bin", bin, ...profile, "--message-format=json", ...config];
      await giveTree(work.root, tools.sourceUser);
      let result = await compile(args, work);
      if (result.lacking) {
        await fetch(work);
        result = await compile(args, work);
      }
      if (result.code === 0) return { ok: true };
      if (result.errors.length > 0) return { ok: false, errors: result.errors };
      throw cargoFailure(result.output, work.root);
    },
  };
}
