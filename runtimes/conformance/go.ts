import { execFile, execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Compiler, Task } from "./compiled.ts";

const SDK = fileURLToPath(new URL("../go", import.meta.url));
const MODULE = `module function

go 1.22

require github.com/hanzoai/functions/sdk v0.0.0

replace github.com/hanzoai/functions/sdk => ${SDK}
`;
const MAIN = `package main

import "github.com/hanzoai/functions/sdk/server"

func main() { server.Main(Handle) }
`;

/** The Go compiler of this machine; undefined where there is none of 1.22 or newer. */
export function goCompiler(): Compiler | undefined {
  for (const command of ["go", "/usr/local/go/bin/go"]) {
    const version = versionOf(command);
    const minor = /\bgo1\.(\d+)/.exec(version ?? "")?.[1];
    if (version === undefined || minor === undefined || Number(minor) < 22) continue;
    return {
      name: "go",
      version,
      inputs: [SDK],
      counts: (file) =>
        /(?:^go\.mod|\.go)$/.test(file) && !/_test\.go$|^(?:onnx|agent|sdktest|templates)\//.test(file),
      compile: (task) => compile(command, task),
    };
  }
  return undefined;
}

function versionOf(command: string): string | undefined {
  try {
    return execFileSync(command, ["version"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  } catch {
    return undefined;
  }
}

async function compile(command: string, { work, output, cache }: Task): Promise<void> {
  if (!existsSync(join(work, "go.mod"))) await writeFile(join(work, "go.mod"), MODULE);
  await writeFile(join(work, "hanzo_main.go"), MAIN);
  await promisify(execFile)(command, ["build", "-trimpath", "-ldflags=-s -w", "-o", output, "."], {
    cwd: work,
    env: {
      ...process.env,
      CGO_ENABLED: "0",
      GOCACHE: cache,
      GOFLAGS: "-mod=mod",
      GOPROXY: "off",
      GOTOOLCHAIN: "local",
      GOWORK: "off",
    },
  });
}
