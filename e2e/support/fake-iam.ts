import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** An issuer as IAM is one: discovery, a key set, and tokens signed with its key. */
export interface FakeIam extends AsyncDisposable {
  readonly issuer: string;
  token(
    claims: Readonly<Record<string, unknown>>,
    options?: { readonly key?: KeyObject; readonly kid?: string },
  ): string;
  /** A token of one organisation with these permissions. */
  orgToken(org: string, permissions: readonly string[]): string;
}

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

export async function startFakeIam(): Promise<FakeIam> {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const jwk = { ...publicKey.export({ format: "jwk" }), kid: "cert-test", alg: "ES256", use: "sig" };
  const server = createServer((request, response) => {
    const body =
      request.url === "/.well-known/openid-configuration"
        ? { issuer: origin(), jwks_uri: `${origin()}/jwks` }
        : request.url === "/jwks"
          ? { keys: [jwk] }
          : undefined;
    response.writeHead(body === undefined ? 404 : 200, { "content-type": "application/json" });
    response.end(JSON.stringify(body ?? {}));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const origin = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const token: FakeIam["token"] = (claims, options = {}) => {
    const now = Math.floor(Date.now() / 1000);
    const all = {
      iss: origin(),
      sub: "user-1",
      iat: now,
      nbf: now,
      exp: now + 3600,
      tokenType: "access-token",
      ...claims,
    };
    const input = `${encode({ alg: "ES256", typ: "JWT", kid: options.kid ?? "cert-test" })}.${encode(all)}`;
    const signature = sign("sha256", Buffer.from(input), {
      key: options.key ?? privateKey,
      dsaEncoding: "ieee-p1363",
    });
    return `${input}.${signature.toString("base64url")}`;
  };
  return {
    issuer: origin(),
    token,
    orgToken: (org, permissions) => token({ orgs: [{ org }], scope: permissions.join(" ") }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
