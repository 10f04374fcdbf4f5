import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { PlatformError } from "@hanzo-fn/contract";

export type Credentials =
  | { readonly kind: "password"; readonly username: string; readonly password: string }
  /** Goes to the token service in exchange for access tokens (OAuth 2 refresh token). */
  | { readonly kind: "identity"; readonly token: string }
  /** Goes to the registry as it is. */
  | { readonly kind: "bearer"; readonly token: string };

/** Asked again whenever a registry wants to know, so that changed credentials are used at once. Undefined: come as nobody. */
export type CredentialSource = (host: string, signal: AbortSignal) => Promise<Credentials | undefined>;

interface DockerAuth {
  readonly auth?: string;
  readonly username?: string;
  readonly password?: string;
  readonly identitytoken?: string;
  readonly registrytoken?: string;
}

interface DockerConfig {
  readonly auths?: Readonly<Record<string, DockerAuth>>;
  readonly credsStore?: string;
  readonly credHelpers?: Readonly<Record<string, string>>;
}

const DOCKER_HUB_KEYS = ["docker.io", "index.docker.io", "registry-1.docker.io"];
const HELPER_TIMEOUT_MS = 20_000;

/**
 * Credentials out of a Docker `config.json`: `credHelpers`, then `auths`, then `credsStore`. Helpers are the programs
 * `docker-credential-<name>` of the PATH. A file that is not there holds no credentials; rejects with
 * `registry_refused` where it or a helper cannot be read, without their contents.
 */
export function dockerConfigCredentials(file: string): CredentialSource {
  return async (host, signal) => {
    const config = await readConfig(file);
    const keys = DOCKER_HUB_KEYS.includes(host) ? DOCKER_HUB_KEYS : [host];
    const helper = keys.map((key) => config.credHelpers?.[key]).find(Boolean);
    if (helper !== undefined) return askHelper(helper, host, signal);
    const entry = Object.entries(config.auths ?? {}).find(([key]) => keys.includes(hostOfKey(key)));
    const found = entry === undefined ? undefined : ofEntry(entry[1], file);
    if (found !== undefined || config.credsStore === undefined) return found;
    return askHelper(config.credsStore, host, signal);
  };
}

async function readConfig(file: string): Promise<DockerConfig> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return {};
    throw unusable(`${file} cannot be read`, error);
  }
  try {
    return JSON.parse(text) as DockerConfig;
  } catch {
    // Without the cause: the parser quotes what it read.
    throw unusable(`${file} is not JSON`);
  }
}

/** Old keys are URLs: `https://index.docker.io/v1/`. */
function hostOfKey(key: string): string {
  return key.replace(/^https?:\/\//, "").replace(/\/.*$/, "");
}

function ofEntry(entry: DockerAuth, file: string): Credentials | undefined {
  if (entry.registrytoken) return { kind: "bearer", token: entry.registrytoken };
  if (entry.identitytoken) return { kind: "identity", token: entry.identitytoken };
  if (entry.auth) {
    const text = Buffer.from(entry.auth, "base64").toString("utf8").replace(/\0+$/, "");
    const colon = text.indexOf(":");
    if (colon < 1) throw unusable(`an "auth" of ${file} is not base64 of user:password`);
    return { kind: "password", username: text.slice(0, colon), password: text.slice(colon + 1) };
  }
  if (entry.username === undefined) return undefined;
  return { kind: "password", username: entry.username, password: entry.password ?? "" };
}

/** The protocol of docker-credential-helpers: the host on stdin, JSON on stdout, `not found` in words. */
function askHelper(name: string, host: string, signal: AbortSignal): Promise<Credentials | undefined> {
  if (!/^[a-z0-9][a-z0-9_-]*$/i.test(name)) throw unusable("the name of a credential helper is no word");
  const program = `docker-credential-${name}`;
  return new Promise((resolve, reject) => {
    const child = execFile(program, ["get"], { signal, timeout: HELPER_TIMEOUT_MS }, (error, stdout) => {
      if (signal.aborted) return reject(signal.reason as Error);
      if (error !== null && /credentials not found/i.test(stdout)) return resolve(undefined);
      // The error's message holds what the helper wrote, which may be a secret.
      if (error !== null)
        return reject(unusable(`${program} failed (${String(error.code ?? error.signal)})`));
      const answer = helperAnswer(stdout);
      if (answer === undefined) reject(unusable(`${program} answered with something else than JSON`));
      else resolve(answer);
    });
    child.stdin?.on("error", () => {});
    child.stdin?.end(host);
  });
}

function helperAnswer(text: string): Credentials | undefined {
  try {
    const { Username = "", Secret = "" } = JSON.parse(text) as { Username?: string; Secret?: string };
    if (Username === "<token>") return { kind: "identity", token: Secret };
    return { kind: "password", username: Username, password: Secret };
  } catch {
    return undefined;
  }
}

function unusable(what: string, cause?: unknown): PlatformError {
  return new PlatformError("registry_refused", `no credentials for the registry: ${what}`, {
    component: "oci",
    cause,
    next: "Mend the file, or log in again (docker login)",
  });
}
