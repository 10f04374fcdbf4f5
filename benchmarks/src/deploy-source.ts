import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { ServeProcess } from "./serve-process.ts";

const run = promisify(execFile);

/** What a function is made of; the handler's file is named by its runtime. */
export interface Source {
  readonly name: string;
  /** The whole of function.yaml. */
  readonly manifest: string;
  readonly file: "handler.py" | "handler.ts";
  readonly code: string;
}

/** Writes the function's folder below `parent`; its path. */
export async function writeSource(parent: string, { name, manifest, file, code }: Source): Promise<string> {
  const folder = join(parent, "functions", name);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "function.yaml"), manifest);
  await writeFile(join(folder, file), code);
  return folder;
}

/** Deploys through the API and waits until the revision is ready. */
export async function deploySource(
  platform: ServeProcess,
  parent: string,
  source: Source,
  signal: AbortSignal,
): Promise<void> {
  const { name, manifest } = source;
  const folder = await writeSource(parent, source);
  const { stdout } = await run("tar", ["-cz", "-C", folder, "."], { encoding: "buffer" });
  const form = new FormData();
  form.set("manifest", manifest);
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
