import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { executable, type Compiler } from "./compiled.ts";
import { noContainers } from "./container.ts";
import { goCompiler } from "./go.ts";
import { inImage } from "./image.ts";
import { rustCompiler } from "./rust.ts";

export type LanguageName = "typescript" | "python" | "go" | "rust";

/** What is started for one fixture. */
export interface Program {
  readonly command: string;
  readonly args: readonly string[];
  /** Called before the start with the test's folder and the variables; its arguments are used instead. */
  readonly wrap?: (
    directory: string,
    env: Readonly<Record<string, string>>,
  ) => Promise<{ readonly args: readonly string[] }>;
  /** Called after the end of the process: what it may have left behind. */
  readonly remove?: (directory: string) => Promise<void>;
}

/** How one language's server is started and where languages may differ, or why it cannot be here. */
export interface Language {
  readonly name: LanguageName;
  /** True where the function and its server are one executable: always a specialised boot. */
  readonly compiled: boolean;
  /**
   * The server for a fixture below `fixtures/` (undefined: a generic one, never asked of compiled code). Compiled
   * languages build the fixture here, once a run; what does not compile rejects with the compiler's words.
   */
  readonly program: (fixture: string | undefined) => Promise<Program>;
  /** True inside an image: processes have numbers of their own, and what the first one leaves ends with it. */
  readonly contained?: boolean;
  /** What the fixture `cancel` notes of a call at its deadline, and of one whose caller went away. */
  readonly cancelled: { readonly deadline: string; readonly gone: string };
  /** The exit code after an error that no call owns; undefined where the process goes on. */
  readonly uncaughtExit: number | undefined;
  readonly absent?: string | undefined;
}

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

const typescript: Language = {
  name: "typescript",
  compiled: false,
  program: () =>
    Promise.resolve({
      // The repository's own Node: whoever runs the tests may be an older one.
      command: process.env["CONFORMANCE_NODE"] ?? path("../../node_modules/.bin/node"),
      args: [process.env["CONFORMANCE_SERVER"] ?? path("../typescript/src/server/main.ts")],
    }),
  cancelled: { deadline: "TimeoutError", gone: "AbortError" },
  uncaughtExit: 1,
};

const interpreter = findPython();

const python: Language = {
  name: "python",
  compiled: false,
  program: () =>
    Promise.resolve({
      command: interpreter ?? "python3",
      args: ["-I", "-S", path("../python/server_main.py")],
    }),
  cancelled: { deadline: "CancelledError", gone: "CancelledError" },
  uncaughtExit: undefined,
  absent: interpreter === undefined ? "no Python of 3.10 or newer is on the PATH" : undefined,
};

const goBuilder = goCompiler();

const go: Language = {
  name: "go",
  compiled: true,
  program: (fixture) => builtProgram(goBuilder, fixture),
  cancelled: { deadline: "DeadlineExceeded", gone: "Canceled" },
  // A panic that no call owns ends a Go program, with its words on stderr.
  uncaughtExit: 2,
  absent: goBuilder === undefined ? "Go is not installed" : undefined,
};

const rustBuilder = rustCompiler();

const rust: Language = {
  name: "rust",
  compiled: true,
  program: (fixture) => builtProgram(rustBuilder, fixture),
  cancelled: { deadline: "DeadlineExceeded", gone: "ClosedByCaller" },
  // A panic that no call owns ends its thread or task, and is logged.
  uncaughtExit: undefined,
  absent: rustBuilder === undefined ? "Rust is not installed" : undefined,
};

const IMAGES = process.env["CONFORMANCE_IMAGES"];
/** Each language's server as a process. */
export const processes = { typescript, python, go, rust };

/** Each language's server as a process, or inside its image where CONFORMANCE_IMAGES names an OCI layout. */
export const languages =
  IMAGES === undefined
    ? processes
    : (Object.fromEntries(
        Object.values(processes).map((language) => [language.name, contained(language, IMAGES)]),
      ) as typeof processes);

function contained(language: Language, layout: string): Language {
  return {
    ...language,
    contained: true,
    program: async (fixture) => inImage(language.name, layout, await language.program(fixture)),
    absent: (language.compiled ? language.absent : undefined) ?? noContainers() ?? noImages(layout),
  };
}

function noImages(layout: string): string | undefined {
  return existsSync(join(layout, "index.json")) ? undefined : "the images are not assembled here";
}

async function builtProgram(compiler: Compiler | undefined, fixture: string | undefined): Promise<Program> {
  if (compiler === undefined || fixture === undefined) throw new Error("there is nothing to compile");
  return { command: await executable(compiler, fixture), args: [] };
}

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
