import { sign } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { Certificate } from "./certificate.ts";

/** The token protocol of distribution, with what a registry's token service may do wrong. */
export interface FakeTokenServer extends AsyncDisposable {
  /** For the registry's settings. */
  readonly realm: string;
  readonly service: string;
  readonly issuer: string;
  /** What was asked for, and as whom. */
  readonly requests: readonly TokenRequest[];
  /** Seconds that tokens from now on say they are good for. */
  setLifetime(seconds: number): void;
  /** Answers the next request with this status. */
  failNext(status: number): void;
}

export interface TokenRequest {
  readonly method: string;
  readonly scopes: readonly string[];
  readonly user: string | undefined;
}

export interface FakeTokenServerOptions {
  readonly certificate: Certificate;
  readonly users: Readonly<Record<string, string>>;
  /** Refresh tokens, and whose they are. */
  readonly refreshTokens?: Readonly<Record<string, string>> | undefined;
}

const SERVICE = "test-registry";
const ISSUER = "fake-token-server";

/** Whoever has a password may do everything, anybody may pull. */
export async function startFakeTokenServer(options: FakeTokenServerOptions): Promise<FakeTokenServer> {
  const key = await readFile(options.certificate.keyFile, "utf8");
  const requests: TokenRequest[] = [];
  let lifetime = 300;
  let failure: number | undefined;

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? "/", "http://localhost");
    const fields = request.method === "POST" ? new URLSearchParams(await text(request)) : url.searchParams;
    const scopes = fields.getAll("scope");
    const { user, wrong } = whoAsks(request, fields, options);
    requests.push({ method: request.method ?? "", scopes, user });
    const status = failure ?? (wrong ? 401 : 200);
    failure = undefined;
    if (status !== 200) {
      response.writeHead(status).end(JSON.stringify({ errors: [{ code: "UNAUTHORIZED", message: "no" }] }));
      return;
    }
    const access = scopes.map((scope) => accessOf(scope, user !== undefined));
    const token = signed(key, options.certificate.pem, access, user ?? "");
    const name = request.method === "POST" ? "access_token" : "token";
    response.end(JSON.stringify({ [name]: token, expires_in: lifetime }));
  };

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => response.destroy(error as Error));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    realm: `http://127.0.0.1:${port}/token`,
    service: SERVICE,
    issuer: ISSUER,
    requests,
    setLifetime: (seconds) => void (lifetime = seconds),
    failNext: (status) => void (failure = status),
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

function whoAsks(
  request: IncomingMessage,
  fields: URLSearchParams,
  { users, refreshTokens = {} }: FakeTokenServerOptions,
): { readonly user?: string; readonly wrong?: boolean } {
  const refresh = fields.get("refresh_token");
  if (refresh !== null) {
    const user = refreshTokens[refresh];
    return user === undefined ? { wrong: true } : { user };
  }
  const basic = /^Basic (.+)$/.exec(request.headers.authorization ?? "")?.[1];
  if (basic === undefined) return {};
  const [user = "", password] = Buffer.from(basic, "base64").toString("utf8").split(":");
  return users[user] === password ? { user } : { wrong: true };
}

function accessOf(scope: string, known: boolean) {
  const [type = "", ...rest] = scope.split(":");
  const actions = (rest.pop() ?? "").split(",");
  return { type, name: rest.join(":"), actions: actions.filter((action) => known || action === "pull") };
}

/** A JWT with the certificate in it, as docker-registry's `rootcertbundle` wants them. */
function signed(key: string, pem: string, access: readonly object[], subject: string): string {
  const seconds = Math.floor(Date.now() / 1000);
  const der = pem.replace(/-----[A-Z ]+-----|\s/g, "");
  const encoded = [
    { typ: "JWT", alg: "ES256", x5c: [der] },
    {
      ...{ iss: ISSUER, sub: subject, aud: SERVICE, jti: String(Math.random()) },
      ...{ iat: seconds, nbf: seconds - 10, exp: seconds + 600, access },
    },
  ].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"));
  const signature = sign("sha256", Buffer.from(encoded.join(".")), { key, dsaEncoding: "ieee-p1363" });
  return [...encoded, signature.toString("base64url")].join(".");
}
