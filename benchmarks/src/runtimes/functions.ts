import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

export const LANGUAGES = ["typescript", "python", "go", "rust"] as const;
export type Language = (typeof LANGUAGES)[number];

/**
 * `hello` answers a small JSON object. `context` does too, after reading `ctx.data` and a header and writing one line
 * of the log. `probe` answers a version.
 */
export const KINDS = ["hello", "context", "probe"] as const;
export type Kind = (typeof KINDS)[number];

const FILES: Readonly<Record<Language, string>> = {
  typescript: "handler.ts",
  python: "handler.py",
  go: "handler.go",
  rust: "src/handler.rs",
};

export const ENTRIES: Readonly<Record<Language, string>> = {
  typescript: "handler.handle",
  python: "handler.handle",
  go: "Handle",
  rust: "handler::handle",
};

const TYPESCRIPT: Readonly<Record<Kind, (version: string) => string>> = {
  hello: () => `export const handle = () => ({ hello: "world" });\n`,
  context: () => `import type { Context } from "@hanzo/functions";

export function handle(ctx: Context) {
  const { name } = ctx.data as { name: string };
  ctx.log.info("called", { name, caller: ctx.headers.get("x-caller") });
  return { hello: "world" };
}
`,
  probe: (version) => `export const handle = () => ({ version: "${version}" });\n`,
};

const PYTHON: Readonly<Record<Kind, (version: string) => string>> = {
  hello: () => `def handle(ctx):\n    return {"hello": "world"}\n`,
  context: () => `def handle(ctx):
    ctx.log.info("called", {"name": ctx.data["name"], "caller": ctx.headers.get("x-caller")})
    return {"hello": "world"}
`,
  probe: (version) => `def handle(ctx):\n    return {"version": "${version}"}\n`,
};

function goFile(body: string): string {
  return `package function\n\nimport "github.com/hanzoai/functions/sdk"\n\nfunc Handle(ctx *sdk.Context) (any, error) {\n${body}}\n`;
}

const GO: Readonly<Record<Kind, (version: string) => string>> = {
  hello: () => goFile(`\treturn map[string]any{"hello": "world"}, nil\n`),
  context: () =>
    goFile(
      `\tctx.Log.Info("called", "name", ctx.Data["name"], "caller", ctx.Headers.Get("x-caller"))
\treturn map[string]any{"hello": "world"}, nil
`,
    ),
  probe: (version) => goFile(`\treturn map[string]any{"version": "${version}"}, nil\n`),
};

function rustFile(parameter: string, uses: string, body: string): string {
  return `use hanzo_functions::{Context, ${uses}Response, Result};\n\npub async fn handle(${parameter}: Context) -> Result<Response> {\n${body}}\n`;
}

const RUST: Readonly<Record<Kind, (version: string) => string>> = {
  hello: () => rustFile("_", "", `    Ok(Response::ok(serde_json::json!({ "hello": "world" })))\n`),
  context: () =>
    rustFile(
      "ctx",
      "Level, ",
      `    let name: String = ctx.data().get("name")?;
    let caller = ctx.headers().get("x-caller");
    ctx.log().with(Level::Info, "called", serde_json::json!({ "name": name, "caller": caller }));
    Ok(Response::ok(serde_json::json!({ "hello": "world" })))
`,
    ),
  probe: (version) =>
    rustFile("_", "", `    Ok(Response::ok(serde_json::json!({ "version": "${version}" })))\n`),
};

const TEXTS = { typescript: TYPESCRIPT, python: PYTHON, go: GO, rust: RUST };

/** Writes the folder of a function, its handler changed to another version where it is there already. */
export async function writeFunction(
  parent: string,
  name: string,
  language: Language,
  kind: Kind,
  version = "1",
): Promise<string> {
  const folder = join(parent, "functions", name);
  const file = join(folder, FILES[language]);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, TEXTS[language][kind](version));
  await writeFile(
    join(folder, "function.yaml"),
    `name: ${name}
runtime: ${language}
version: 1.0.0
entry: ${ENTRIES[language]}
scaling:
  min_instances: 0
  scale_down_delay: 0s
triggers:
  - type: http
    path: /v1/functions/${name}
    methods: [GET, POST]
`,
  );
  return folder;
}
