import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { TestPlatform } from "./platform.ts";

export interface FunctionSource {
  readonly name: string;
  readonly runtime: "python" | "typescript" | "go" | "rust";
  /** `handler.<export>`; default `handler.handle`. */
  readonly entry?: string;
  readonly version?: string;
  /** Lines of function.yaml besides name, runtime, version, entry and triggers. */
  readonly manifest?: string;
  /** The `triggers:` block; default one http trigger at `/v1/functions/<name>`, GET and POST. */
  readonly triggers?: string;
  /** What `HANDLER_FILES` names. */
  readonly code: string;
  readonly files?: Readonly<Record<string, string>>;
}

export const HANDLER_FILES: Readonly<Record<FunctionSource["runtime"], string>> = {
  python: "handler.py",
  typescript: "handler.ts",
  go: "handler.go",
  rust: "src/handler.rs",
};

export function manifestText(source: FunctionSource): string {
  const triggers =
    source.triggers ??
    `triggers:\n  - type: http\n    path: /v1/functions/${source.name}\n    methods: [GET, POST]\n`;
  return (
    `name: ${source.name}\nruntime: ${source.runtime}\nversion: ${source.version ?? "1.0.0"}\n` +
    `entry: ${source.entry ?? "handler.handle"}\n${source.manifest ?? ""}\n${triggers}`
  );
}

/** Writes a function's folder below the platform's home; gives its path. */
export async function writeFunction(platform: TestPlatform, source: FunctionSource): Promise<string> {
  const folder = join(platform.home, "functions", source.name);
  const files = {
    "function.yaml": manifestText(source),
    [HANDLER_FILES[source.runtime]]: source.code,
    ...source.files,
  };
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  return folder;
}

/** Writes and deploys; fails with what the CLI said where the revision does not become ready. */
export async function deployFunction(
  platform: TestPlatform,
  source: FunctionSource,
  flags: readonly string[] = [],
): Promise<void> {
  await platform.ok(["deploy", "--source", await writeFunction(platform, source), ...flags]);
}

/** Answers `{ ok: true, revision, data }`; the neighbour of every misbehaving function. */
export const NEIGHBOUR: FunctionSource = {
  name: "neighbour",
  runtime: "typescript",
  code: "export const handle = (ctx) => ({ ok: true, revision: ctx.revision, data: ctx.data });\n",
};
