import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Secret } from "@hanzo-fn/contract";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createKmsSecrets, type KmsOptions } from "./kms.ts";

let server: Server;
let calls: string[];
let secrets: Map<string, object>;
let status: number | undefined;
let now: number;

/** A fake KMS: one client, tokens counted from 1 of which only the newest counts. */
beforeEach(async () => {
  [calls, secrets, status, now] = [[], new Map(), undefined, 0];
  let token = 0;
  server = createServer((request, response) => {
    const url = request.url ?? "";
    calls.push(url);
    response.setHeader("content-type", "application/json");
    if (url.endsWith("/login")) {
      token += 1;
      response.end(JSON.stringify({ accessToken: `t${token}`, expiresIn: 100, tokenType: "Bearer" }));
      return;
    }
    const allowed = request.headers.authorization === `Bearer t${token}`;
    const found = secrets.get(url);
    response.statusCode = status ?? (allowed ? (found ? 200 : 404) : 401);
    response.end(JSON.stringify(found ?? { message: "planted-in-error" }));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  if (server.listening) await once(server, "close");
});

function kms(provider: KmsOptions["provider"] = "infisical") {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const clock = { now: () => now };
  return createKmsSecrets({ fetch, clock }, { provider, url, clientId: "c", clientSecret: new Secret("s") });
}
const raw = (name: string, path: string): string =>
  `/api/v3/secrets/raw/${name}?workspaceSlug=acme&environment=prod&secretPath=${encodeURIComponent(path)}`;
const infisical = (value: string) => ({ secret: { secretKey: "k", secretValue: value, version: 3 } });

describe("createKmsSecrets", () => {
  it("looks in the function's folder, then in the organisation's", async () => {
    secrets.set(raw("key", "/"), infisical("shared"));
    secrets.set(raw("key", "/embed"), infisical("own"));
    const source = kms();
    expect((await source.get("acme", "key", { function: "embed" }))?.value.reveal()).toBe("own");
    const shared = await source.get("acme", "key", { function: "other" });
    expect([shared?.value.reveal(), shared?.version]).toEqual(["shared", "3"]);
    expect(await source.get("acme", "gone")).toBeUndefined();
    expect(calls.filter((url) => url.endsWith("/login"))).toHaveLength(1);
  });
  it("renews its token before it ends, and when it is refused", async () => {
    secrets.set(raw("key", "/"), infisical("v"));
    const source = kms();
    await source.get("acme", "key");
    now = 70_000;
    await source.get("acme", "key");
    expect(calls.filter((url) => url.endsWith("/login"))).toHaveLength(2);
    await kms().get("acme", "key");
    expect(await source.get("acme", "key")).toBeDefined();
  });
  it("speaks the successor's paths", async () => {
    secrets.set("/v1/kms/orgs/acme/secrets/embed/key?env=prod", { secret: { value: "v" }, version: 7 });
    const found = await kms("hanzo").get("acme", "key", { function: "embed" });
    expect([found?.value.reveal(), found?.version]).toEqual(["v", "7"]);
  });
  it("tells an error from an absent secret, without the KMS's words", async () => {
    status = 500;
    const error: unknown = await kms()
      .get("acme", "key")
      .catch((cause: unknown) => cause);
    expect(error).toMatchObject({ code: "secrets_unavailable", retryable: true });
    expect(String(error)).not.toContain("planted");
  });
  it("is unavailable where nobody answers", async () => {
    const source = kms();
    server.close();
    await once(server, "close");
    await expect(source.get("acme", "key")).rejects.toMatchObject({ code: "secrets_unavailable" });
  });
});
