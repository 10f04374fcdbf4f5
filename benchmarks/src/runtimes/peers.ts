import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { DEV_PEERS } from "../dev-peers.ts";
import { goBinary, PEERS_BUILT, PEERS_SOURCE } from "../peers.ts";
import type { Language } from "./functions.ts";

/** What a runtime server is measured beside. */
export interface Peer {
  readonly name: string;
  readonly language: Language;
  /** True for a server of the language without any SDK. */
  readonly bare: boolean;
  readonly installed: boolean;
  readonly command: (port: number) => readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** Python's functions-framework, with gunicorn. */
export const FRAMEWORK_PYTHON = join(PEERS_BUILT, "python");
export const FRAMEWORK_PYTHON_PACKAGES = ["functions-framework==3.10.2", "gunicorn==27.0.1"];
const BARE_GO = goBinary("bare");
export const BARE_RUST_TARGET = join(PEERS_BUILT, "bare-rust");
const BARE_RUST = join(BARE_RUST_TARGET, "release", "bare");
const FRAMEWORK_NODE = join(DEV_PEERS, "node_modules", "@google-cloud", "functions-framework");

/** The interpreter itself, as the platform starts it, and not a version manager's script before it. */
function interpreter(): string {
  return execFileSync("python3", ["-c", "import sys; print(sys.executable)"], { encoding: "utf8" }).trim();
}

/** Those that are installed. */
export function peers(): readonly Peer[] {
  const python = interpreter();
  const all: readonly Peer[] = [
    {
      name: "node:http",
      language: "typescript",
      bare: true,
      installed: true,
      command: (port) => [process.execPath, join(PEERS_SOURCE, "bare.ts"), `${port}`],
      environment: {},
    },
    {
      name: "functions-framework (Node)",
      language: "typescript",
      bare: false,
      installed: existsSync(FRAMEWORK_NODE),
      command: (port) => [
        process.execPath,
        join(FRAMEWORK_NODE, "build", "src", "main.js"),
        "--target=handle",
        `--source=${join(PEERS_SOURCE, "framework-node")}`,
        `--port=${port}`,
      ],
      environment: { NODE_ENV: "production" },
    },
    {
      name: "asyncio protocol",
      language: "python",
      bare: true,
      installed: true,
      command: (port) => [python, join(PEERS_SOURCE, "bare.py"), `${port}`],
      environment: {},
    },
    {
      name: "functions-framework (Python), gunicorn",
      language: "python",
      bare: false,
      installed: existsSync(join(FRAMEWORK_PYTHON, "functions_framework")),
      command: (port) => [
        python,
        "-m",
        "functions_framework",
        "--target=handle",
        `--source=${join(PEERS_SOURCE, "framework-python", "main.py")}`,
        `--port=${port}`,
        "--host=127.0.0.1",
      ],
      environment: { PYTHONPATH: FRAMEWORK_PYTHON, WORKERS: "1" },
    },
    {
      name: "net/http",
      language: "go",
      bare: true,
      installed: existsSync(BARE_GO),
      command: (port) => [BARE_GO, `${port}`],
      environment: {},
    },
    {
      name: "hyper",
      language: "rust",
      bare: true,
      installed: existsSync(BARE_RUST),
      command: (port) => [BARE_RUST, `${port}`],
      environment: {},
    },
  ];
  return all.filter(({ installed }) => installed);
}
