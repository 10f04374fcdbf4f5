import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, type TestContext } from "vitest";
import type { ApiAnswer } from "./deploys.ts";
import { deployFunction, type FunctionSource, HANDLER_FILES } from "./functions.ts";
import { REPOSITORY, startPlatform, type TestPlatform } from "./platform.ts";
import { hasTool } from "./tools.ts";

export type LanguageName = FunctionSource["runtime"];

export const LANGUAGES: readonly LanguageName[] = ["python", "typescript", "go", "rust"];

const TOOLS: Readonly<Record<LanguageName, readonly [command: string, called: string]>> = {
  python: ["python3", "Python"],
  typescript: ["node", "Node"],
  go: ["go", "Go"],
  rust: ["cargo", "Rust"],
};

/** Skips a test whose language the machine cannot build or run. */
export async function need(context: TestContext, language: LanguageName): Promise<void> {
  const [command, called] = TOOLS[language];
  if (!(await hasTool(command))) context.skip(`${called} is not installed`);
}

/** A platform whose compilers keep what they made between runs. */
export function startCompilingPlatform(config?: string): Promise<TestPlatform> {
  return startPlatform({
    env: { HANZO_FN_BUILD_CACHE: join(REPOSITORY, ".cache", "builds") },
    ...(config === undefined ? {} : { config }),
  });
}

/** The entry of a function of a handler file. */
function entryOf(language: LanguageName, name: string): string {
  if (language === "go") return name.charAt(0).toUpperCase() + name.slice(1);
  return language === "rust" ? `handler::${name}` : `handler.${name}`;
}

/** Deploys `exported` of `fixtures/harm/<language>` as a function of its own. */
export async function deployHarm(
  platform: TestPlatform,
  language: LanguageName,
  source: { readonly name: string; readonly exported: "harm" | "flow"; readonly manifest?: string },
): Promise<void> {
  const file = HANDLER_FILES[language];
  const code = await readFile(join(REPOSITORY, "e2e", "fixtures", "harm", language, file), "utf8");
  const { name, exported, manifest = "" } = source;
  await deployFunction(platform, {
    name,
    runtime: language,
    entry: entryOf(language, exported),
    manifest,
    code,
  });
}

/** A call with `do` in its query; a body that is no text or bytes is sent as JSON. */
export async function callDoing(
  platform: TestPlatform,
  name: string,
  act: string,
  body: unknown = {},
  type = "application/json",
): Promise<ApiAnswer> {
  const isRaw = typeof body === "string" || body instanceof Uint8Array;
  const answer = await platform.fetchInvoke(`/v1/functions/${name}?do=${act}`, {
    method: "POST",
    headers: { "content-type": type },
    body: isRaw ? (body as string | Uint8Array<ArrayBuffer>) : JSON.stringify(body),
  });
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
}

/** As `callDoing` with JSON, and the answer has to be a good one; gives its JSON. */
export async function valueOf(
  platform: TestPlatform,
  name: string,
  act: string,
  body: unknown = {},
): Promise<unknown> {
  const answer = await callDoing(platform, name, act, body);
  expect([act, answer.status, answer.text]).toEqual([act, 200, expect.any(String)]);
  return JSON.parse(answer.text);
}
