import { PlatformError } from "@hanzo-fn/contract";
import { createGate, type Clock, readLimited } from "@hanzo-fn/lifecycle";
import { answeredUrl } from "./address.ts";
import { parseChallenges } from "./challenge.ts";
import type { Credentials, CredentialSource } from "./credentials.ts";
import { brokenBecause, refusal, refusalDetails, unreachable } from "./failure.ts";
import { isPassing, retryAfterMs } from "./retry.ts";
import { headerOf, type Transport } from "./transport.ts";

/** How a registry wants to know who asks: what it said last. */
export interface Authorization {
  /** The header `Authorization`; undefined as long as the registry has not asked for one. `scopes` as in `repository:a/b:pull,push`. */
  header(scopes: readonly string[], signal: AbortSignal): Promise<string | undefined>;
  /** Takes what a 401 said. True where another try has something new to show. */
  learn(challenges: string | undefined, scopes: readonly string[], signal: AbortSignal): Promise<boolean>;
}

export interface AuthorizationParts {
  readonly host: string;
  /** The registry itself, for relative addresses and the rule about TLS. */
  readonly url: URL;
  readonly credentials: CredentialSource;
  readonly transport: Transport;
  readonly clock: Clock;
}

interface Bearer {
  readonly realm: URL;
  readonly service: string | undefined;
}

interface Token {
  readonly value: string;
  /** Clock time from which it is not used any more. */
  readonly until: number;
}

/** What the token specification says where a service names no time. */
const DEFAULT_SECONDS = 60;
/** Not used to the last moment: the registry's clock is another one. */
const MARGIN = 0.2;
const LONGEST_ANSWER_BYTES = 256 * 1024;

export function createAuthorization(parts: AuthorizationParts): Authorization {
  const { host, url, credentials, clock } = parts;
  const tokens = new Map<string, Token>();
  const oneAtATime = createGate(1);
  let fixed: string | undefined;
  let bearer: Bearer | undefined;

  const known = (key: string): string | undefined => {
    const token = tokens.get(key);
    return token !== undefined && token.until > clock.now() ? token.value : undefined;
  };

  /** Many uploads begin at once; the first gets the token for all. */
  const tokenFor = (service: Bearer, scopes: readonly string[], signal: AbortSignal): Promise<string> =>
    oneAtATime(signal, async () => {
      const key = scopes.join(" ");
      const there = known(key);
      if (there !== undefined) return there;
      const token = await fetchToken(parts, service, scopes, await credentials(host, signal), signal);
      for (const [other, { until }] of tokens) if (until <= clock.now()) tokens.delete(other);
      tokens.set(key, token);
      return token.value;
    });

  return {
    async header(scopes, signal) {
      if (bearer === undefined) return fixed;
      return `Bearer ${known(scopes.join(" ")) ?? (await tokenFor(bearer, scopes, signal))}`;
    },
    async learn(challenges, scopes, signal) {
      const offered = parseChallenges(challenges ?? "");
      const asked = offered.find(({ scheme }) => scheme === "bearer");
      const own = await credentials(host, signal);
      const realm = own?.kind === "bearer" ? undefined : asked?.parameters["realm"];
      if (realm !== undefined) {
        bearer = { realm: answeredUrl(realm, url), service: asked?.parameters["service"] };
        tokens.delete(scopes.join(" "));
        return true;
      }
      const basic = offered.some(({ scheme }) => scheme === "basic") && own?.kind === "password";
      const before = fixed;
      bearer = undefined;
      fixed = own?.kind === "bearer" ? `Bearer ${own.token}` : basic ? basicHeader(own) : undefined;
      return fixed !== undefined && fixed !== before;
    },
  };
}

function basicHeader(own: { readonly username: string; readonly password: string }): string {
  return `Basic ${Buffer.from(`${own.username}:${own.password}`).toString("base64")}`;
}

/** The token protocol of distribution: GET with Basic, or OAuth 2 with a refresh token where the credentials are one. */
async function fetchToken(
  { host, transport, clock }: AuthorizationParts,
  { realm, service }: Bearer,
  scopes: readonly string[],
  own: Credentials | undefined,
  signal: AbortSignal,
): Promise<Token> {
  const wanted = { host, action: `get a token from ${realm.host} for ${scopes.join(" ") || "the registry"}` };
  const fields = new URLSearchParams(scopes.map((scope): [string, string] => ["scope", scope]));
  if (service !== undefined) fields.append("service", service);
  const request =
    own?.kind === "identity"
      ? refreshRequest(realm, fields, own.token, signal)
      : getRequest(realm, fields, own, signal);
  const response = await transport(request).catch((error: unknown) => {
    signal.throwIfAborted();
    throw unreachable(wanted, brokenBecause(error), { cause: error });
  });
  if (response.status !== 200) {
    if (!isPassing(response.status))
      throw refusal(wanted, response.status === 404 ? 403 : response.status, await refusalDetails(response));
    response.body.resume();
    const wait = retryAfterMs(headerOf(response, "retry-after"), clock.now());
    throw unreachable(wanted, `it answers ${response.status}`, { retryAfterMs: wait });
  }
  const answer = parsed(await readLimited(response.body, LONGEST_ANSWER_BYTES));
  const value = answer?.token ?? answer?.access_token;
  if (typeof value !== "string" || !/^[\x21-\x7e]+$/.test(value)) {
    const message = `the token service ${realm.host} of the registry ${host} answers without a token`;
    throw new PlatformError("registry_refused", message, {
      component: "oci",
      next: `Look into the log of ${realm.host}`,
    });
  }
  const seconds = typeof answer?.expires_in === "number" ? Math.max(0, answer.expires_in) : DEFAULT_SECONDS;
  return { value, until: clock.now() + seconds * 1000 * (1 - MARGIN) };
}

function getRequest(realm: URL, fields: URLSearchParams, own: Credentials | undefined, signal: AbortSignal) {
  const url = new URL(realm);
  for (const [name, value] of fields) url.searchParams.append(name, value);
  const headers = own?.kind === "password" ? { authorization: basicHeader(own) } : {};
  return { method: "GET" as const, url, headers, signal };
}

function refreshRequest(realm: URL, fields: URLSearchParams, token: string, signal: AbortSignal) {
  fields.append("grant_type", "refresh_token");
  fields.append("refresh_token", token);
  fields.append("client_id", "hanzo-fn");
  const body = Buffer.from(fields.toString());
  const headers = { "content-type": "application/x-www-form-urlencoded", "content-length": body.length };
  return { method: "POST" as const, url: realm, headers, body, signal };
}

function parsed(text: string): { token?: unknown; access_token?: unknown; expires_in?: unknown } | undefined {
  try {
    return JSON.parse(text) as object;
  } catch {
    return undefined;
  }
}
