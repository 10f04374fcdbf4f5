import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** How one language's server is started, or why it cannot be here. */
export interface Language {
  readonly name: "typescript" | "python";
  readonly command: string;
  readonly args: readonly string[];
  readonly absent?: string | undefined;
}

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

export const typescript: Language = {
  name: "typescript",
  // The repository's own Node: whoever runs the tests may be an older one.
  command: process.env["CONFORMANCE_NODE"] ?? path("../../node_modules/.bin/node"),
  args: [process.env["CONFORMANCE_SERVER"] ?? path("../typescript/src/server/main.ts")],
};

const interpreter = findPython();

export const python: Language = {
  name: "python",
  command: interpreter ?? "python3",
  args: ["-I", "-S", path("../python/server_main.py")],
  absent: interpreter === undefined ? "no Python of 3.10 or newer is on the PATH" : undefined,
};

export const languages: readonly Language[] = [typescript, python];

/** The interpreter itself and not a version manager's script before it, which would start twice as slowly. */
function findPython(): string | undefined {
  const question = "import sys; print(sys.executable if sys.version_info >= (3, 10) else '')";
  for (const candidate of ["python3", "/usr/bin/python3"]) {
    try {
      const answer = execFileSync(candidate, ["-c", question], {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
      });
      if (answer.trim() !== "") return answer.trim();
    } catch {
      // The next candidate.
    }
  }
  return undefined;
}
