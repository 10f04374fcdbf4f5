import { createHash } from "node:crypto";
import { PlatformError, Secret } from "@hanzo-fn/contract";
import type { SecretQuery, SecretSource, SecretVersion } from "./port.ts";

export interface KmsOptions {
  /** `infisical`: HIP-27's HTTP form; `hanzo`: the paths of its successor. */
  readonly provider: "infisical" | "hanzo";
  /** Base URL, `KMS_URL`. */
  readonly url: string;
  readonly clientId: string;
  readonly clientSecret: Secret;
  /** Default `prod`. */
  readonly environment?: string | undefined;
  /** Default: the organisation. */
  readonly project?: string | undefined;
}

interface KmsDependencies {
  readonly fetch: typeof fetch;
  readonly clock: { now(): number };
}

type Json = Readonly<Record<string, unknown>>;

const TIMEOUT_MS = 5000;
/** A token is renewed this long before it ends, so that none ends on its way. */
const MARGIN_MS = 30_000;
const LOGIN = { infisical: "/api/v1/auth/universal-auth/login", hanzo: "/v1/kms/auth/login" } as const;

/** Says nothing of what was sent or answered: both hold secrets. */
function unavailable(reason: string): PlatformError {
  return new PlatformError("secrets_unavailable", `the KMS cannot be asked: ${reason}`, {
    component: "control-plane",
    next: "check KMS_URL, KMS_CLIENT_ID and KMS_CLIENT_SECRET, and that the KMS is reachable: hanzo-fn doctor",
    retryAfterSeconds: 5,
  });
}

const field = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null ? (value as Json)[name] : undefined;

function secretPath(options: KmsOptions, org: string, path: string, name: string): string {
  const environment = options.environment ?? "prod";
  const project = options.project ?? org;
  if (options.provider === "hanzo") {
    const inner = path === "/" ? "" : `${encodeURIComponent(path.slice(1))}/`;
    const query = new URLSearchParams({ env: environment }).toString();
    return `/v1/kms/orgs/${encodeURIComponent(project)}/secrets/${inner}${encodeURIComponent(name)}?${query}`;
  }
  const query = new URLSearchParams({ workspaceSlug: project, environment, secretPath: path }).toString();
  return `/api/v3/secrets/raw/${encodeURIComponent(name)}?${query}`;
}

function readSecret(answer: Json, provider: KmsOptions["provider"]): SecretVersion {
  const { secret } = answer;
  const value = field(secret, provider === "infisical" ? "secretValue" : "value");
  if (typeof value !== "string") throw unavailable("its answer holds no value");
  const version = provider === "infisical" ? field(secret, "version") : answer["version"];
  const known = typeof version === "number" || typeof version === "string";
  const told = known ? String(version) : createHash("sha256").update(value).digest("hex").slice(0, 16);
  return { value: new Secret(value), version: told };
}

async function json(response: Response): Promise<Json> {
  const body: unknown = await response.json().catch(() => undefined);
  if (typeof body !== "object" || body === null) throw unavailable("its answer is no JSON object");
  return body as Json;
}

/** Secrets of a KMS, read anew each time; only the access token is kept. */
export function createKmsSecrets(deps: KmsDependencies, options: KmsOptions): SecretSource {
  const base = options.url.replace(/\/+$/, "");
  let token: { readonly value: string; readonly untilMs: number } | undefined;
  let login: Promise<string> | undefined;

  const request = async (path: string, init: RequestInit, signal?: AbortSignal): Promise<Response> => {
    const limit = AbortSignal.timeout(TIMEOUT_MS);
    try {
      const both = signal ? AbortSignal.any([signal, limit]) : limit;
      // A redirect would carry the credentials to wherever it points.
      return await deps.fetch(`${base}${path}`, { ...init, redirect: "error", signal: both });
    } catch {
      signal?.throwIfAborted();
      throw unavailable(limit.aborted ? `no answer within ${TIMEOUT_MS / 1000} s` : "it cannot be reached");
    }
  };

  const logIn = async (): Promise<string> => {
    const { clientId, clientSecret } = options;
    const response = await request(LOGIN[options.provider], {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ clientId, clientSecret: clientSecret.reveal() }),
    });
    if (!response.ok) {
      await response.body?.cancel();
      throw unavailable(`login answered ${response.status}`);
    }
    const { accessToken, expiresIn } = await json(response);
    if (typeof accessToken !== "string") throw unavailable("its login gives no token");
    const lifeMs = typeof expiresIn === "number" ? expiresIn * 1000 : 60_000;
    token = { value: accessToken, untilMs: deps.clock.now() + lifeMs - MARGIN_MS };
    return accessToken;
  };

  const currentToken = (): Promise<string> => {
    if (token && deps.clock.now() < token.untilMs) return Promise.resolve(token.value);
    login ??= logIn().finally(() => {
      login = undefined;
    });
    return login;
  };

  const read = async (path: string, signal?: AbortSignal, again = true): Promise<Json | undefined> => {
    const authorization = `Bearer ${await currentToken()}`;
    const response = await request(path, { headers: { authorization, accept: "application/json" } }, signal);
    if (response.ok) return json(response);
    await response.body?.cancel();
    if (response.status === 404) return undefined;
    if (response.status === 401 && again) {
      // Revoked before its time.
      token = undefined;
      return read(path, signal, false);
    }
    throw unavailable(`it answered ${response.status}`);
  };

  return {
    async get(org, name, { function: functionName, signal }: SecretQuery = {}) {
      const paths = functionName === undefined ? ["/"] : [`/${functionName}`, "/"];
      for (const path of paths) {
        const answer = await read(secretPath(options, org, path, name), signal);
        if (answer) return readSecret(answer, options.provider);
      }
      return undefined;
    },
  };
}
