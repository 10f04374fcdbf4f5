import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Logger } from "@hanzo-fn/telemetry";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterEach, describe, expect, it } from "vitest";
import { createAuthenticator } from "./authenticator.ts";

const silent: Logger = { log() {}, debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
const servers: Server[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  }
});

async function listen(answer: (path: string, base: string) => object | string): Promise<string> {
  const server = createServer((request, response) => {
    const body = answer(request.url ?? "", base());
    const html = typeof body === "string";
    response.setHeader("content-type", html ? "text/html; charset=utf-8" : "application/json");
    response.end(html ? body : JSON.stringify(body));
  });
  const base = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  servers.push(server.listen(0, "127.0.0.1"));
  await once(server, "listening");
  return base();
}

async function tokenFor(issuer: string) {
  const { publicKey, privateKey } = await generateKeyPair("RS256");
  const token = await new SignJWT({ iss: issuer, sub: "u", owner: "acme" })
    .setProtectedHeader({ alg: "RS256", kid: "k" })
    .setExpirationTime("5m")
    .sign(privateKey);
  return { jwk: { ...(await exportJWK(publicKey)), kid: "k" }, authorization: `Bearer ${token}` };
}

const authenticatorFor = (issuer: string) =>
  createAuthenticator(
    { clock: Date, log: silent, fetch, findApiKey: async () => undefined },
    { issuers: [{ issuer }] },
  );

describe("discovery over HTTP", () => {
  it("finds the keys wherever the issuer says they are", async () => {
    let keys: object[] = [];
    const issuer = await listen((path, base) => {
      if (path === "/.well-known/openid-configuration") return { jwks_uri: `${base}/v1/iam/jwks` };
      return path === "/v1/iam/jwks" ? { keys } : "<html>";
    });
    const { jwk, authorization } = await tokenFor(issuer);
    keys = [jwk];
    expect(await authenticatorFor(issuer).authenticate({ authorization })).toMatchObject({ org: "acme" });
  });

  it("takes a catch-all HTML page for no answer", async () => {
    const issuer = await listen(() => "<html>welcome</html>");
    const { authorization } = await tokenFor(issuer);
    await expect(authenticatorFor(issuer).authenticate({ authorization })).rejects.toMatchObject({
      code: "auth_unavailable",
    });
  });

  it("takes an issuer that nobody answers for as unavailable", async () => {
    const issuer = await listen(() => ({}));
    const { authorization } = await tokenFor(issuer);
    for (const server of servers.splice(0)) {
      server.close();
      await once(server, "close");
    }
    await expect(authenticatorFor(issuer).authenticate({ authorization })).rejects.toMatchObject({
      code: "auth_unavailable",
      retryable: true,
    });
  });
});
