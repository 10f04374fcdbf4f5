import { execFile, execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { copyFile, cp, mkdir, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Compiler, Task } from "./compiled.ts";

const SDK = fileURLToPath(new URL("../rust", import.meta.url));
const MAIN = `mod handler;

fn main() {
    hanzo_functions::serve(handler::handle)
}
`;
const OUTPUT_LIMIT = 16 * 1024 * 1024;

/** The Rust compiler of this machine; undefined where there is none. */
export function rustCompiler(): Compiler | undefined {
  for (const command of ["cargo", join(homedir(), ".cargo/bin/cargo")]) {
    const version = versionOf(command);
    if (version === undefined) continue;
    return {
      name: "rust",
      version,
      inputs: [SDK],
      counts: (file) => /^(?:Cargo\.(?:toml|lock)|src\/.*\.rs)$/.test(file),
      compile: (task) => compile(command, task),
    };
  }
  return undefined;
}

function versionOf(command: string): string | undefined {
  try {
    return execFileSync(command, ["--version"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  } catch {
    return undefined;
  }
}

const manifest = (name: string): string => `[package]
name = "${name}"
version = "0.0.0"
edition = "2021"

[dependencies]
hanzo_functions = { path = ${JSON.stringify(SDK)} }
serde = "1"
serde_json = "1"
tokio = { version = "1", features = ["rt", "sync", "time"] }

[profile.dev]
debug = "line-tables-only"
incremental = false

[workspace]
`;

/** All fixtures share one target directory, so that what they depend on is compiled once. */
async function compile(command: string, { fixture, work, output, cache }: Task): Promise<void> {
  const name = `fixture-${fixture}`;
  // A path that stays: cargo would take another one for another package.
  const crate = join(cache, "crates", name);
  await rm(crate, { recursive: true, force: true });
  await mkdir(crate, { recursive: true });
  await cp(work, crate, { recursive: true });
  await writeFile(join(crate, "Cargo.toml"), manifest(name));
  await copyFile(join(SDK, "Cargo.lock"), join(crate, "Cargo.lock"));
  if (!existsSync(join(crate, "src/main.rs"))) await writeFile(join(crate, "src/main.rs"), MAIN);
  const target = join(cache, "target");
  await promisify(execFile)(command, ["build", "--quiet", "--color=never"], {
    cwd: crate,
    env: { ...process.env, CARGO_TARGET_DIR: target },
    maxBuffer: OUTPUT_LIMIT,
  });
  await copyFile(join(target, "debug", name), output);
}
