import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe } from "vitest";
import { openTestEngine, TEST_TIMES, type TestEngine } from "../../test/open-engine.ts";
import { exerciseEngine } from "../conformance.ts";
import type { RuntimeLaunch } from "./launch.ts";

const server = (path: string): string =>
  fileURLToPath(new URL(`../../../../runtimes/${path}`, import.meta.url));

const PYTHON: RuntimeLaunch = {
  command: "/usr/bin/python3",
  args: ["-I", "-S", server("python/server_main.py")],
  env: {},
};
const TYPESCRIPT: RuntimeLaunch = {
  command: process.execPath,
  args: ["--disable-warning=ExperimentalWarning", server("typescript/src/server/main.ts")],
  env: {},
};

const python = spawnSync(PYTHON.command, ["-c", "import sys; sys.exit(sys.version_info < (3, 10))"]);

function exercise(runtime: "python" | "typescript", launch: RuntimeLaunch): void {
  let under: TestEngine;
  beforeAll(async () => {
    under = await openTestEngine({}, { runtimes: { [runtime]: launch } }, runtime);
  });
  afterAll(() => under.close());
  exerciseEngine(`local, ${runtime}`, { under: () => under, times: TEST_TIMES });
}

// The reason for a skip: the machine has no Python 3.10 at the usual place.
describe.skipIf(python.status !== 0)("the Python runtime", () => {
  exercise("python", PYTHON);
});
describe("the TypeScript runtime", () => {
  exercise("typescript", TYPESCRIPT);
});
