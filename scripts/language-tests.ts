/** The tests of the SDKs that are written in their own language, counted as vitest's are. */
import { access } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { type CommandResult, ROOT, runCommand } from "./run-command.ts";
import type { Counts } from "./test-reporter.ts";

const CACHE = join(ROOT, ".cache");
/** Where installers put a compiler without changing the PATH. */
const GO_FOLDER = "/usr/local/go/bin";
const CARGO_FOLDER = join(homedir(), ".cargo", "bin");

function skipped(name: string, reason: string): Counts {
  return { passed: 0, failed: [], skipped: [{ name, reason }] };
}

function joined(parts: readonly Counts[]): Counts {
  return {
    passed: parts.reduce((sum, { passed }) => sum + passed, 0),
    failed: parts.flatMap((part) => part.failed),
    skipped: parts.flatMap((part) => part.skipped),
  };
}

/** A run that failed without a failed test, as where the tests do not compile, is one failure. */
function withExit(name: string, counts: Counts, result: CommandResult): Counts {
  if (result.code === 0 || counts.failed.length > 0) return counts;
  return { ...counts, failed: [{ name, reason: `it ended with ${result.code}` }] };
}

/** A step that checks and has no tests of its own: it counts only where it fails. */
function check(name: string, result: CommandResult): Counts {
  return withExit(name, { passed: 0, failed: [], skipped: [] }, result);
}

/** A PATH on which the command is, or undefined where the machine has none. */
async function pathWith(command: string, folder: string): Promise<string | undefined> {
  const own = process.env["PATH"] ?? "";
  for (const candidate of [...own.split(delimiter), folder]) {
    const found = await access(join(candidate, command)).then(
      () => candidate !== "",
      () => false,
    );
    if (found) return candidate === folder ? [own, folder].join(delimiter) : own;
  }
  return undefined;
}

/** The tests of the Python runtime. */
export async function pythonTests(): Promise<Counts> {
  const probe = await runCommand("python3", ["-c", "import sys; sys.exit(sys.version_info < (3, 10))"]);
  if (probe.code !== 0) return skipped("runtimes/python", "Python 3.10 or newer is not installed");
  const result = await runCommand("python3", ["-m", "unittest", "discover", "-s", "runtimes/python/tests"], {
    echo: true,
  });
  const ran = Number(/^Ran (\d+) tests?/m.exec(result.output)?.[1] ?? 0);
  const skips = Number(/skipped=(\d+)/.exec(result.output)?.[1] ?? 0);
  const failed = [...result.output.matchAll(/^(?:FAIL|ERROR): (.+)$/gm)].map(([, name = ""]) => ({
    name: `runtimes/python ${name}`,
    reason: "see its output above",
  }));
  const reasons = Array.from({ length: skips }, () => ({
    name: "runtimes/python",
    reason: "skipped by unittest",
  }));
  const passed = Math.max(0, ran - failed.length - skips);
  return withExit("runtimes/python", { passed, failed, skipped: reasons }, result);
}

interface GoEvent {
  readonly Action: string;
  readonly Package: string;
  readonly Test?: string;
  readonly Output?: string;
}

/** Counts the tests that have no subtests in the lines of `go test -json`. */
export function countGo(output: string): Counts {
  const events = output
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as GoEvent)
    .filter(({ Test }) => Test !== undefined)
    .map((event) => ({ ...event, name: `${event.Package}/${event.Test}` }));
  const names = [...new Set(events.map(({ name }) => name))];
  const leaves = names.filter((name) => !names.some((other) => other.startsWith(`${name}/`)));
  const ended = (action: string): string[] =>
    leaves.filter((name) => events.some((event) => event.name === name && event.Action === action));
  const reasonOf = (name: string): string =>
    events
      .filter((event) => event.name === name)
      .map(({ Output }) => /^\s+\S+_test\.go:\d+: (.*)\n$/.exec(Output ?? "")?.[1])
      .find((text) => text !== undefined) ?? "no reason given";
  return {
    passed: ended("pass").length,
    failed: ended("fail").map((name) => ({ name, reason: reasonOf(name) })),
    skipped: ended("skip").map((name) => ({ name, reason: reasonOf(name) })),
  };
}

/** What Go's tests and builds said, without the lines of tests that passed. */
function goOutput(output: string): string {
  const lines = output.split("\n").filter((line) => line !== "");
  const words = lines.map((line) =>
    line.startsWith("{") ? ((JSON.parse(line) as GoEvent).Output ?? "") : `${line}\n`,
  );
  return words.filter((text) => !/^(?:=== |\s*--- PASS|PASS$)/.test(text)).join("");
}

/** `go vet` and `go test` of the SDK, and of the module that needs C where there is a compiler of it. */
export async function goTests(): Promise<Counts> {
  const path = await pathWith("go", GO_FOLDER);
  if (path === undefined) return skipped("runtimes/go", "Go is not installed");
  const env = { PATH: path, GOCACHE: join(CACHE, "go-tests"), GOTOOLCHAIN: "local", GOWORK: "off" };
  const run = async (folder: string): Promise<Counts> => {
    const vet = await runCommand("go", ["-C", folder, "vet", "./..."], { echo: true, env });
    const tests = await runCommand("go", ["-C", folder, "test", "-json", "-count=1", "./..."], { env });
    process.stdout.write(goOutput(tests.output));
    return joined([check(`${folder}: go vet`, vet), withExit(folder, countGo(tests.stdout), tests)]);
  };
  const sdk = await run("runtimes/go");
  const compiler = (await runCommand("go", ["env", "CC"], { env })).stdout.trim();
  const hasC = (await runCommand(compiler, ["--version"])).code === 0;
  const onnx = hasC
    ? await run("runtimes/go/onnx")
    : skipped("runtimes/go/onnx", "a C compiler is not installed");
  return joined([sdk, onnx]);
}

/** Counts the lines of Rust's test harness; documentation tests are among them. */
export function countRust(output: string): Counts {
  const counts: Counts = { passed: 0, failed: [], skipped: [] };
  for (const [, name = "", end, reason] of output.matchAll(
    /^test (.+) \.\.\. (ok|FAILED|ignored)(?:, (.*))?$/gm,
  )) {
    if (end === "ok") counts.passed++;
    else {
      const list = end === "FAILED" ? counts.failed : counts.skipped;
      list.push({ name: `runtimes/rust ${name}`, reason: reason ?? "no reason given" });
    }
  }
  return counts;
}

/** `cargo fmt --check` and `cargo test` of the crate; with these features, none where it is empty. */
export async function rustTests(features: readonly string[] = []): Promise<Counts> {
  const path = await pathWith("cargo", CARGO_FOLDER);
  if (path === undefined) return skipped("runtimes/rust", "Rust is not installed");
  const env = { PATH: path, CARGO_TARGET_DIR: join(CACHE, "rust-tests"), CARGO_TERM_COLOR: "never" };
  const manifest = ["--manifest-path", "runtimes/rust/Cargo.toml"];
  const hasFormatter = (await runCommand("cargo", ["fmt", "--version"], { env })).code === 0;
  const format = hasFormatter
    ? check(
        "runtimes/rust: cargo fmt",
        await runCommand("cargo", ["fmt", ...manifest, "--check"], { echo: true, env }),
      )
    : skipped("runtimes/rust: cargo fmt", "rustfmt is not installed");
  const wanted = features.length === 0 ? [] : ["--features", features.join(",")];
  const words = ["test", ...manifest, "--locked", "--no-fail-fast", ...wanted];
  const tests = await runCommand("cargo", words, { echo: true, env });
  return joined([format, withExit("runtimes/rust", countRust(tests.stdout), tests)]);
}
