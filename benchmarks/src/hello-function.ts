import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { ServeProcess } from "./serve-process.ts";

export const RUNTIMES = ["python", "typescript"] as const;
export type RuntimeName = (typeof RUNTIMES)[number];

const run = promisify(execFile);

function manifest(name: string, runtime: RuntimeName): string {
  return `name: ${name}
runtime: ${runtime}
version: 1.0.0
entry: handler.handle
scaling:
  min_instances: 0
  scale_down_delay: 0s
triggers:
  - type: http
    path: /v1/functions/${name}
    methods: [GET, POST]
`;
}

/** Each is a source of its own, so that nothing is shared between functions but the runtime. */
function handler(name: string, runtime: RuntimeName): string {
  return runtime === "python"
    ? `def handle(ctx):\n    return {"hello": "${name}"}\n`
    : `export const handle = () => ({ hello: "${name}" });\n`;
}

/** The folder of a function without dependencies, below `parent`. */
export async function writeHello(parent: string, name: string, runtime: RuntimeName): Promise<string> {
  const folder = join(parent, "functions", name);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "function.yaml"), manifest(name, runtime));
  const file = runtime === "python" ? "handler.py" : "handler.ts";
  await writeFile(join(folder, file), handler(name, runtime));
  return folder;
}

/** Deploys through the API and waits until the revision is ready. */
export async function deployHello(
  platform: ServeProcess,
  parent: string,
  name: string,
  runtime: RuntimeName,
  signal: AbortSignal,
): Promise<void> {
  const folder = await writeHello(parent, name, runtime);
  const { stdout } = await run("tar", ["-cz", "-C", folder, "."], { encoding: "buffer" });
  const form = new FormData();
  form.set("manifest", manifest(name, runtime));
  form.set("source", new Blob([Uint8Array.from(stdout)]), "source.tar.gz");
  const headers = { Authorization: `Bearer ${platform.adminKey}` };
  const answer = await fetch(`${platform.api}/v1/functions`, { method: "POST", body: form, headers, signal });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`the deploy of ${name} was answered ${answer.status}: ${text}`);
  for (let state = ""; state !== "ready";) {
    const url = `${platform.api}/v1/functions/${name}/revisions/1?wait=30s`;
    const detail = (await (await fetch(url, { headers, signal })).json()) as { readonly state: string };
    ({ state } = detail);
    if (state === "failed") throw new Error(`${name} failed: ${JSON.stringify(detail)}`);
  }
}
