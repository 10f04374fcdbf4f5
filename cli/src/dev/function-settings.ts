import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { parseEnv } from "node:util";
import { isReservedVariable, type Manifest, parseManifest, PlatformError } from "@hanzo-fn/contract";

export const MANIFEST_FILE = "function.yaml";
export const ENV_FILE = ".env";
export const SECRETS_FILE = ".secrets.env";

/** What a function is run with on its author's machine. */
export interface FunctionSettings {
  readonly manifest: Manifest;
  /** Variables of the manifest, over them those of `.env`, and the secrets. */
  readonly environment: Readonly<Record<string, string>>;
  /** What is declared and not done here, in words. */
  readonly notes: readonly string[];
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

async function readManifest(root: string): Promise<Manifest> {
  const text = await readText(join(root, MANIFEST_FILE));
  if (text === undefined) {
    throw new PlatformError("not_found", `there is no ${MANIFEST_FILE} in ${basename(root)}`, {
      component: "dev",
      next: "hanzo-fn init makes one",
    });
  }
  const result = parseManifest(text, { simulated: true });
  if (result.ok) return result.manifest;
  const { code, message, details } = result.error;
  throw new PlatformError(code, message, {
    component: "dev",
    ...(details === undefined ? {} : { details }),
    next: `mend ${MANIFEST_FILE}`,
  });
}

async function readVariables(root: string, file: string): Promise<Readonly<Record<string, string>>> {
  const values = parseEnv((await readText(join(root, file))) ?? "");
  const reserved = Object.keys(values).find(isReservedVariable);
  if (reserved === undefined) return values as Record<string, string>;
  throw new PlatformError("bad_request", `${reserved} in ${file} is a name that belongs to the platform`, {
    component: "dev",
    next: "use another name",
  });
}

/** By the variable's name, or by the secret's. Throws `missing_secret` that names every absent one. */
function secretsOf(manifest: Manifest, given: Readonly<Record<string, string>>): Record<string, string> {
  const missing = manifest.secrets.filter(({ env, name }) => (given[env] ?? given[name]) === undefined);
  if (missing.length > 0) {
    const names = missing.map(({ env, name }) => (env === name ? env : `${env} (secret ${name})`)).join(", ");
    const verb = missing.length === 1 ? "has no value" : "have no values";
    throw new PlatformError("missing_secret", `${names} ${verb} on this machine`, {
      component: "dev",
      function: manifest.name,
      next: `write ${missing.map(({ env }) => `${env}=…`).join(" ")} into ${SECRETS_FILE}; git and deploys leave that file out`,
    });
  }
  return Object.fromEntries(
    manifest.secrets.map(({ env, name }) => [env, (given[env] ?? given[name]) as string]),
  );
}

function notesOf(manifest: Manifest): readonly string[] {
  const { resources, edge, onSuccess, onFailure } = manifest;
  return [
    ...(resources.gpu === undefined ? [] : ["resources.gpu: dev gives the function no GPU of its own"]),
    ...(edge?.enabled === true ? ["edge: dev runs here only"] : []),
    ...(onSuccess === undefined ? [] : ["on_success: dev does not publish answers"]),
    ...(onFailure === undefined ? [] : ["on_failure: dev does not publish failures"]),
  ];
}

/** As `readSettings`, for unit tests: secrets that have no value here are left out. */
export async function readTestSettings(root: string): Promise<Omit<FunctionSettings, "notes">> {
  const manifest = await readManifest(root);
  const [variables, given] = await Promise.all([
    readVariables(root, ENV_FILE),
    readVariables(root, SECRETS_FILE),
  ]);
  const secrets = manifest.secrets.flatMap(({ env, name }) => {
    const value = given[env] ?? given[name];
    return value === undefined ? [] : [[env, value] as const];
  });
  return { manifest, environment: { ...manifest.environment, ...variables, ...Object.fromEntries(secrets) } };
}

/** Reads `function.yaml`, `.env` and `.secrets.env`. Throws `PlatformError`. */
export async function readSettings(root: string): Promise<FunctionSettings> {
  const manifest = await readManifest(root);
  const [variables, given] = await Promise.all([
    readVariables(root, ENV_FILE),
    readVariables(root, SECRETS_FILE),
  ]);
  const environment = { ...manifest.environment, ...variables, ...secretsOf(manifest, given) };
  return { manifest, environment, notes: notesOf(manifest) };
}
