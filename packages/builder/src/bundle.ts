import { realpath, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative, sep } from "node:path";
import { pathToFileURL } from "node:url";
import type { ErrorDetail } from "@hanzo-fn/contract";
import type { BuildFailure, Message, Plugin } from "esbuild";
import { buildFailed } from "./failures.ts";
import { readTsconfig } from "./tsconfig.ts";

export interface Bundler {
  /**
   * Bundles `file` below `root` into `<file without extension>.hanzo.mjs` beside it, or under its last name into
   * the directory `out` below `root`, which exists; the code sees its own place all the same. Throws `build_failed`.
   */
  bundle(root: string, file: string, out?: string): Promise<void>;
  close(): Promise<void>;
}

/** The bundler's helper process costs memory; it goes when nothing was bundled for so long. */
const IDLE_MS = 20_000;
const MAX_DETAILS = 50;
const TSCONFIG = ".hanzo.tsconfig.json";

/** `require` for CommonJS files in the bundle; a user's own one is renamed by the bundler. */
const BANNER =
  'import{createRequire as __hanzoCreateRequire}from"node:module";const require=__hanzoCreateRequire(import.meta.url);';

/** Imports may not pull files of the machine into a bundle that the function can read. */
function confine(root: string): Plugin {
  return {
    name: "confine",
    setup(build) {
      build.onLoad({ filter: /.*/ }, ({ path }) =>
        path.startsWith(root + sep)
          ? undefined
          : { errors: [{ text: "an import must not leave the source" }] },
      );
    },
  };
}

function detail({ text, location }: Message): ErrorDetail {
  if (!location) return { rule: text };
  return { path: location.file, line: location.line, column: location.column + 1, rule: text };
}

function failure(error: unknown): unknown {
  const messages = (error as Partial<BuildFailure>).errors;
  if (!Array.isArray(messages) || messages.length === 0) return error;
  const [first] = messages as Message[];
  const at = first?.location ? `${first.location.file}:${first.location.line}: ` : "";
  return buildFailed(
    `${at}${first?.text ?? "the source does not build"}`,
    messages.slice(0, MAX_DETAILS).map(detail),
  );
}

async function writeTsconfig(root: string, file: string): Promise<void> {
  try {
    const config = await readTsconfig(root, relative(dirname(file), root));
    await writeFile(file, JSON.stringify(config), { flag: "wx" });
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw buildFailed("tsconfig.json does not parse", [
      { path: "tsconfig.json", rule: error.message.slice(0, 200) },
    ]);
  }
}

/** Where the code believes it is, though its bundle lies elsewhere. */
function placeOf(file: string): Record<string, string> {
  return {
    __dirname: JSON.stringify(dirname(file)),
    __filename: JSON.stringify(file),
    "import.meta.dirname": JSON.stringify(dirname(file)),
    "import.meta.filename": JSON.stringify(file),
    "import.meta.url": JSON.stringify(pathToFileURL(file).href),
  };
}

const OWN_PLACE = { __dirname: "import.meta.dirname", __filename: "import.meta.filename" };

async function bundleFile(
  esbuild: typeof import("esbuild"),
  root: string,
  file: string,
  out: string | undefined,
): Promise<void> {
  const real = await realpath(root);
  const bundled = join(real, file.replace(/\.[^./]+$/, ".hanzo.mjs"));
  const outfile = out === undefined ? bundled : join(await realpath(out), basename(bundled));
  const tsconfig = join(out === undefined ? real : dirname(outfile), TSCONFIG);
  // Shipped ones may be links to somewhere else.
  await Promise.all(
    [outfile, `${outfile}.map`, tsconfig].map((path) => rm(path, { recursive: true, force: true })),
  );
  await writeTsconfig(real, tsconfig);
  try {
    await esbuild.build({
      absWorkingDir: real,
      entryPoints: [join(real, file)],
      outfile,
      tsconfig,
      bundle: true,
      packages: "external",
      format: "esm",
      platform: "node",
      target: "node22",
      sourcemap: "linked",
      sourcesContent: false,
      define: out === undefined ? OWN_PLACE : placeOf(bundled),
      banner: { js: BANNER },
      plugins: [confine(real)],
      logLevel: "silent",
    });
  } catch (error) {
    throw failure(error);
  } finally {
    await rm(tsconfig, { force: true });
  }
}

export function createBundler(idleMs = IDLE_MS): Bundler {
  let loaded: Promise<typeof import("esbuild")> | undefined;
  let running = 0;
  let idle: NodeJS.Timeout | undefined;
  const stop = async (): Promise<void> => {
    clearTimeout(idle);
    const service = loaded;
    loaded = undefined;
    await (await service)?.stop();
  };
  return {
    async bundle(root, file, out) {
      clearTimeout(idle);
      loaded ??= import("esbuild");
      running += 1;
      try {
        await bundleFile(await loaded, root, file, out);
      } finally {
        running -= 1;
        if (running === 0) idle = setTimeout(() => void stop(), idleMs).unref();
      }
    },
    close: stop,
  };
}
