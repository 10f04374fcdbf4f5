import { errorBodySchema } from "@hanzo-fn/contract/api";
import type { ErrorBody } from "@hanzo-fn/contract";
import { expect } from "vitest";
import { type FunctionSource, HANDLER_FILES, manifestText } from "./functions.ts";
import type { TestPlatform } from "./platform.ts";
import { uploadForm } from "./upload.ts";

export interface ApiAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

export interface ShownRevision {
  readonly number: number;
  readonly state: string;
  readonly failure?: { readonly code: string; readonly message: string; readonly log_tail: string[] };
}

async function read(response: Response): Promise<ApiAnswer> {
  return { status: response.status, headers: response.headers, text: await response.text() };
}

/** POST /v1/functions with a manifest and the files, or the archive, as they are. */
export async function upload(
  platform: TestPlatform,
  manifest: string,
  files: Readonly<Record<string, string | Uint8Array>> | Uint8Array,
): Promise<ApiAnswer> {
  const body = await uploadForm(manifest, files);
  return read(await platform.fetchApi("/v1/functions?update=true", { method: "POST", body }));
}

export function uploadFunction(platform: TestPlatform, source: FunctionSource): Promise<ApiAnswer> {
  const file = HANDLER_FILES[source.runtime];
  return upload(platform, manifestText(source), { [file]: source.code, ...source.files });
}

/** The revision that a 201 made, once it is ready or has failed. */
export async function settledRevision(platform: TestPlatform, answer: ApiAnswer): Promise<ShownRevision> {
  expect([answer.status, answer.text]).toEqual([201, expect.any(String)]);
  const { function: fn, revision } = JSON.parse(answer.text) as {
    function: { name: string };
    revision: { number: number };
  };
  const path = `/v1/functions/${fn.name}/revisions/${revision.number}?wait=30s`;
  for (;;) {
    const shown = (await (await platform.fetchApi(path)).json()) as ShownRevision;
    if (shown.state === "ready" || shown.state === "failed") return shown;
  }
}

/** Instances of a revision that calls may go to; on a cluster those that leave are shown until they have. */
export async function instancesOf(platform: TestPlatform, name: string, revision = 1): Promise<string[]> {
  const answer = await platform.fetchApi(`/v1/functions/${name}/revisions/${revision}`);
  const { instances } = (await answer.json()) as { instances: { instance: string; state: string }[] };
  return instances.filter(({ state }) => state !== "draining").map(({ instance }) => instance);
}

export async function callFunction(
  platform: TestPlatform,
  name: string,
  data: unknown = {},
  signal?: AbortSignal,
): Promise<ApiAnswer> {
  const init = {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(data),
    ...(signal === undefined ? {} : { signal }),
  };
  return read(await platform.fetchInvoke(`/v1/functions/${name}/invoke`, init));
}

/** The one error body, with this status and code; gives it back for more to look at. */
export function expectError(answer: ApiAnswer, status: number, code: string): ErrorBody {
  expect([answer.status, answer.text]).toEqual([status, expect.stringContaining(`"error":"${code}"`)]);
  const body = errorBodySchema.parse(JSON.parse(answer.text));
  expect(body).toMatchObject({ status: "error", code: status, error: code });
  expect(answer.headers.get("x-request-id")).toBe(body.requestId);
  return body as ErrorBody;
}

/** A deploy of this function becomes ready and answers; the next good request after something bad. */
export async function expectGood(platform: TestPlatform, name: string, says = "good"): Promise<void> {
  const code = `export const handle = () => ${JSON.stringify(says)};\n`;
  const revision = await settledRevision(
    platform,
    await uploadFunction(platform, { name, runtime: "typescript", code }),
  );
  expect([revision.state, revision.failure]).toEqual(["ready", undefined]);
  const answer = await callFunction(platform, name);
  expect([answer.status, answer.text]).toEqual([200, says]);
}
