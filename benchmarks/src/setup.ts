import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DEV_PEER_PACKAGES, DEV_PEERS } from "./dev-peers.ts";
import { goBinary, PEERS_BUILT, PEERS_SOURCE } from "./peers.ts";
import { BARE_RUST_TARGET, FRAMEWORK_PYTHON, FRAMEWORK_PYTHON_PACKAGES } from "./runtimes/peers.ts";

/** Installs what the suites measure against: nginx, wrk and Go from the system's package manager. */

function present(command: string, ...args: string[]): boolean {
  try {
    execFileSync(command, args, { stdio: "ignore" });
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ENOENT";
  }
}

const wanted: ReadonlyArray<readonly [command: string, flag: string, debian: string, brew: string]> = [
  ["nginx", "-v", "nginx-light", "nginx"],
  ["wrk", "-v", "wrk", "wrk"],
  ["go", "version", "golang-go", "go"],
  ["taskset", "--version", "util-linux", "util-linux"],
];

function install(missing: typeof wanted): void {
  if (present("apt-get", "--version")) {
    const packages = missing.map(([, , debian]) => debian);
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    const sudo = process.getuid?.() === 0 ? [] : ["sudo"];
    for (const args of [
      ["update", "-q"],
      ["install", "-y", "--no-install-recommends", ...packages],
    ]) {
      const [command = "", ...rest] = [...sudo, "apt-get", ...args];
      execFileSync(command, rest, { stdio: "inherit", env });
    }
  } else if (present("brew", "--version")) {
    execFileSync("brew", ["install", ...missing.map(([, , , brew]) => brew)], { stdio: "inherit" });
  } else {
    throw new Error(`please install ${missing.map(([command]) => command).join(", ")}`);
  }
}

const missing = wanted.filter(([command, flag]) => !present(command, flag));
if (missing.length > 0) install(missing);
mkdirSync(PEERS_BUILT, { recursive: true });
for (const name of ["hello", "reverse-proxy", "bare"] as const) {
  execFileSync("go", ["build", "-o", goBinary(name), `./${name}`], { cwd: PEERS_SOURCE, stdio: "inherit" });
  console.log(`built ${goBinary(name)}`);
}
// A package of its own: npm would install into the repository's workspaces otherwise.
mkdirSync(DEV_PEERS, { recursive: true });
writeFileSync(join(DEV_PEERS, "package.json"), '{"name": "dev-peers", "private": true}\n');
const npm = ["install", "--no-workspaces", "--no-audit", "--no-fund", ...DEV_PEER_PACKAGES];
execFileSync("npm", npm, { cwd: DEV_PEERS, stdio: "inherit" });
// A folder of its own: the interpreter itself stays as it is.
const pip = ["-m", "pip", "install", "--quiet", "--upgrade", "--target", FRAMEWORK_PYTHON];
execFileSync("python3", [...pip, ...FRAMEWORK_PYTHON_PACKAGES], { stdio: "inherit" });
if (present("cargo", "--version")) {
  const cwd = join(PEERS_SOURCE, "bare-rust");
  const env = { ...process.env, CARGO_TARGET_DIR: BARE_RUST_TARGET };
  execFileSync("cargo", ["build", "--release", "--locked"], { cwd, env, stdio: "inherit" });
} else console.log("the suite runtimes also needs cargo, of https://rustup.rs");
console.log("ready: npm run bench -- invoke");
