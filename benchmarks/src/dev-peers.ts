import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { PEERS_BUILT } from "./peers.ts";

/** Where `bench:setup` installs what `hanzo-fn dev` is measured against. */
export const DEV_PEERS = join(PEERS_BUILT, "dev-node");
export const DEV_PEER_PACKAGES = ["wrangler@4.86.0", "@google-cloud/functions-framework@5.0.5"];

/** A development server: a source whose answer holds a version, and how it is served and reloaded. */
export interface DevServerUnderTest {
  readonly name: string;
  readonly language: "typescript" | "python" | "go" | "rust";
  readonly installed: boolean;
  /** The file that is saved, in the source. */
  readonly file: string;
  /** Its text, whose answer is this version. */
  readonly text: (version: string) => string;
  /** Writes the rest of the source. */
  prepare(folder: string): Promise<void>;
  readonly command: (port: number) => readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

const bin = (name: string): string => join(DEV_PEERS, "node_modules", ".bin", name);

const wrangler: DevServerUnderTest = {
  name: "wrangler dev",
  language: "typescript",
  installed: existsSync(bin("wrangler")),
  file: "handler.ts",
  text: (version) =>
    `export default { async fetch(): Promise<Response> { return Response.json({ version: ${JSON.stringify(version)} }); } };\n`,
  async prepare(folder) {
    await writeFile(
      join(folder, "wrangler.toml"),
      'name = "measured"\nmain = "handler.ts"\ncompatibility_date = "2025-01-01"\n',
    );
  },
  command: (port) => [bin("wrangler"), "dev", "--port", String(port), "--ip", "127.0.0.1"],
  env: { WRANGLER_SEND_METRICS: "false", CI: "1" },
};

const frameworkNode: DevServerUnderTest = {
  name: "functions-framework (Node) under node --watch",
  language: "typescript",
  installed: existsSync(bin("functions-framework")),
  file: "index.mjs",
  text: (version) =>
    `export const handle = (request, response) => response.json({ version: ${JSON.stringify(version)} });\n`,
  async prepare(folder) {
    await writeFile(join(folder, "package.json"), '{"type": "module", "main": "index.mjs"}\n');
  },
  command: (port) => [
    process.execPath,
    "--watch",
    "--watch-path=.",
    join(DEV_PEERS, "node_modules", "@google-cloud", "functions-framework", "build", "src", "main.js"),
    "--target=handle",
    `--port=${port}`,
  ],
  env: {},
};

const CODE: Readonly<
  Record<DevServerUnderTest["language"], { file: string; entry: string; text: (version: string) => string }>
> = {
  typescript: {
    file: "handler.ts",
    entry: "handler.handle",
    text: (version) =>
      `import { Context } from "@hanzo/functions";\nexport const handle = (_: Context) => ({ version: ${JSON.stringify(version)} });\n`,
  },
  python: {
    file: "handler.py",
    entry: "handler.handle",
    text: (version) => `def handle(ctx):\n    return {"version": ${JSON.stringify(version)}}\n`,
  },
  go: {
    file: "handler.go",
    entry: "Handle",
    text: (version) =>
      `package function\n\nimport "github.com/hanzoai/functions/sdk"\n\nfunc Handle(ctx *sdk.Context) *sdk.Response {\n\treturn sdk.OK(map[string]any{"version": ${JSON.stringify(version)}})\n}\n`,
  },
  rust: {
    file: "src/handler.rs",
    entry: "handler::handle",
    text: (version) =>
      `use hanzo_functions::{Context, Response, Result};\n\npub async fn handle(_: Context) -> Result<Response> {\n    Ok(Response::ok(serde_json::json!({ "version": ${JSON.stringify(version)} })))\n}\n`,
  },
};

function hanzo(language: DevServerUnderTest["language"], cache: string): DevServerUnderTest {
  const { file, entry, text } = CODE[language];
  const path = [join(import.meta.dirname, "..", "..", "node_modules", ".bin"), process.env["PATH"] ?? ""];
  return {
    name: "hanzo-fn dev",
    language,
    installed: true,
    file,
    text,
    async prepare(folder) {
      const manifest = `name: measured\nruntime: ${language}\nversion: 0.1.0\nentry: ${entry}\ntriggers:\n  - {type: http, path: /measured}\n`;
      await writeFile(join(folder, "function.yaml"), manifest);
      if (language === "go") {
        const mod = "module measured\n\ngo 1.22\n\nrequire github.com/hanzoai/functions/sdk v0.0.0\n";
        await writeFile(join(folder, "go.mod"), mod);
      }
      if (language !== "rust") return;
      await mkdir(join(folder, "src"));
      await writeFile(join(folder, "src", "lib.rs"), "pub mod handler;\n");
      const cargo = `[package]\nname = "measured"\nversion = "0.1.0"\nedition = "2021"\n\n[dependencies]\nhanzo_functions = "0.1"\nserde_json = "1"\n`;
      await writeFile(join(folder, "Cargo.toml"), cargo);
    },
    command: (port) => ["hanzo-fn", "dev", "--port", String(port)],
    env: { PATH: path.join(delimiter), XDG_CACHE_HOME: cache },
  };
}

/** Ours in every language, and the peers that are installed. `cache` is ours, kept between runs of one suite. */
export function devServers(cache: string): readonly DevServerUnderTest[] {
  const all = [
    hanzo("typescript", cache),
    wrangler,
    frameworkNode,
    hanzo("python", cache),
    hanzo("go", cache),
    hanzo("rust", cache),
  ];
  return all.filter(({ installed }) => installed);
}
