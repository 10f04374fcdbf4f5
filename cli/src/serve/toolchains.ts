import { execFile } from "node:child_process";
import { access } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const MIN_GO = [1, 22] as const;
const MIN_RUST = [1, 77] as const;

/** An installed compiler: where it lies and what it is, or why there is none, in words for a user. */
export type Found<T> = (T & { readonly missing?: undefined }) | { readonly missing: string };

export interface GoInstallation {
  /** GOROOT */
  readonly root: string;
  /** For example `go1.26.8`. */
  readonly version: string;
}

export interface RustInstallation {
  /** The toolchain's own directory, with `bin/cargo` and `bin/rustc`. */
  readonly root: string;
  /** For example `rustc 1.95.0 (…)`. */
  readonly version: string;
  /** For example `x86_64-unknown-linux-gnu`. */
  readonly host: string;
}

async function output(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<string> {
  const { stdout } = await run(command, [...args], { timeout: 10_000, env: { ...process.env, ...env } });
  return stdout.trim();
}

function isAtLeast(version: string, [major, minor]: readonly [number, number]): boolean {
  const [own = 0, ownMinor = 0] = (/(\d+)\.(\d+)/.exec(version) ?? []).slice(1).map(Number);
  return own > major || (own === major && ownMinor >= minor);
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** The Go of the PATH, from 1.22 on. */
export async function findGo(command = "go"): Promise<Found<GoInstallation>> {
  const missing = `Go ${MIN_GO.join(".")} or newer is not installed on this machine`;
  try {
    const text = await output(command, ["env", "GOROOT", "GOVERSION"], { GOTOOLCHAIN: "local" });
    const [root = "", version = ""] = text.split("\n");
    if (root === "" || !isAtLeast(version, MIN_GO)) return { missing: `${missing}, only ${version}` };
    return { root, version };
  } catch {
    return { missing };
  }
}

/** rustup looks for toolchains below HOME, which the platform's environment may have moved. */
async function askRustc(rustc: string): Promise<readonly [string, string]> {
  const ask = (env: NodeJS.ProcessEnv): Promise<[string, string]> =>
    Promise.all([output(rustc, ["--print", "sysroot"], env), output(rustc, ["-vV"], env)]);
  return ask({}).catch(() => ask({ RUSTUP_HOME: join(userInfo().homedir, ".rustup") }));
}

/**
 * The Rust of the PATH, from 1.77 on, and a C compiler, which links its programs. The toolchain's own programs are
 * taken, not those of a manager that would choose, and fetch, another version for a source that names one.
 */
export async function findRust(rustc = "rustc"): Promise<Found<RustInstallation>> {
  const missing = `Rust ${MIN_RUST.join(".")} or newer with cargo is not installed on this machine`;
  try {
    const [root, words] = await askRustc(rustc);
    const [version = "", ...rest] = words.split("\n");
    const host = rest.find((line) => line.startsWith("host: "))?.slice("host: ".length) ?? "";
    if (!isAtLeast(version, MIN_RUST)) return { missing: `${missing}, only ${version}` };
    const parts = [join(root, "bin", "cargo"), join(root, "bin", "rustc")];
    if (!(await Promise.all(parts.map(exists))).every(Boolean)) return { missing };
    await output("cc", ["--version"]).catch(() => Promise.reject(new Error("no linker")));
    return { root, version, host };
  } catch (error) {
    const linker = (error as Error).message === "no linker";
    return { missing: linker ? "Rust links with cc, and there is no C compiler on this machine" : missing };
  }
}
