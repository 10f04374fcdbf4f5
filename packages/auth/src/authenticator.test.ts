import { createHmac } from "node:crypto";
import { type Credentials, PERMISSIONS, type PlatformError } from "@hanzo-fn/contract";
import type { Logger } from "@hanzo-fn/telemetry";
import { exportJWK, generateKeyPair, SignJWT, type JWK } from "jose";
import { beforeAll, describe, expect, it } from "vitest";
import { generateApiKey, type StoredApiKey } from "./api-keys.ts";
import { createAuthenticator, type AuthOptions } from "./authenticator.ts";
import { challenge } from "./challenge.ts";
import { createDevIssuer, createPlatformIssuer, PLATFORM_ISSUER } from "./issuers.ts";

const ISSUER = "https://hanzo.id";
const NOW = 1_800_000_000_000;
const seconds = NOW / 1000;

const silent: Logger = {
  log() {},
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silent,
};

interface TestKey {
  readonly jwk: JWK;
  sign(claims: Record<string, unknown>, header?: Record<string, unknown>): Promise<string>;
}

async function testKey(alg: string, kid: string): Promise<TestKey> {
  const { publicKey, privateKey } = await generateKeyPair(alg);
  return {
    jwk: { ...(await exportJWK(publicKey)), kid, use: "sig" },
    sign: (claims, header = {}) =>
      new SignJWT({ iss: ISSUER, sub: "user-1", exp: seconds + 600, owner: "hanzo", ...claims })
        .setProtectedHeader({ alg, kid, ...header })
        .sign(privateKey),
  };
}

/** A scripted identity provider: answers by URL, counts its calls. */
function provider(keys: JWK[]) {
  const calls: string[] = [];
  const state = {
    keys,
    calls,
    down: false,
    contentType: "application/json",
    introspection: { active: false } as Record<string, unknown>,
    fetch: (async (input: string) => {
      calls.push(input);
      if (state.down) throw new TypeError("fetch failed");
      const body = input.endsWith("openid-configuration")
        ? { jwks_uri: `${ISSUER}/keys` }
        : input.endsWith("introspect")
          ? state.introspection
          : { keys: state.keys };
      return new Response(JSON.stringify(body), { headers: { "content-type": state.contentType } });
    }) as typeof fetch,
  };
  return state;
}

let rsa: TestKey;
beforeAll(async () => {
  rsa = await testKey("RS256", "cert-hanzo");
});

function setup(options: Partial<AuthOptions> = {}, stored?: StoredApiKey & { readonly hash: string }) {
  const clock = { time: NOW, now: () => clock.time };
  const iam = provider([rsa.jwk]);
  const auth = createAuthenticator(
    {
      clock,
      log: silent,
      fetch: iam.fetch,
      findApiKey: async (hash) => (hash === stored?.hash ? stored : undefined),
    },
    { issuers: [{ issuer: ISSUER }], ...options },
  );
  const refusal = async (credentials: Credentials): Promise<PlatformError> => {
    const outcome = await auth.authenticate(credentials).catch((error: unknown) => error);
    if (!(outcome instanceof Error)) throw new Error(`was accepted: ${JSON.stringify(outcome)}`);
    return outcome as PlatformError;
  };
  return { auth, clock, iam, refusal };
}

const bearer = (token: string): Credentials => ({ authorization: `Bearer ${token}` });
const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");

describe("JWTs", () => {
  it("are verified by the key that discovery leads to", async () => {
    const { auth, iam } = setup();
    const identity = await auth.authenticate(bearer(await rsa.sign({ scope: "functions:read" })));
    expect(identity).toMatchObject({
      kind: "user",
      org: "hanzo",
      subject: "user-1",
      limitKey: "sub:hanzo/user-1",
    });
    expect([...(identity?.permissions ?? [])]).toEqual(["functions:read"]);
    expect(iam.calls).toEqual([`${ISSUER}/.well-known/openid-configuration`, `${ISSUER}/keys`]);
  });

  it.each(["RS512", "ES256", "ES384", "ES512"])("may be signed by %s", async (alg) => {
    const { auth, iam } = setup();
    const key = await testKey(alg, `key-${alg}`);
    iam.keys.push(key.jwk);
    expect(await auth.authenticate(bearer(await key.sign({})))).toMatchObject({ subject: "user-1" });
  });

  it("are refused unsigned, or signed by a shared secret made of the public key", async () => {
    const { refusal } = setup();
    const payload = part({ iss: ISSUER, sub: "user-1", exp: seconds + 600, owner: "hanzo" });
    const none = `${part({ alg: "none", kid: "cert-hanzo" })}.${payload}.`;
    const head = `${part({ alg: "HS256", kid: "cert-hanzo" })}.${payload}`;
    const hmac = createHmac("sha256", JSON.stringify(rsa.jwk)).update(head).digest("base64url");
    expect(await refusal(bearer(none))).toMatchObject({ code: "unauthorized" });
    expect(await refusal(bearer(`${head}.${hmac}`))).toMatchObject({ code: "unauthorized" });
  });

  it("are refused without a kid, with a foreign key under a known kid, and by PS256", async () => {
    const { refusal } = setup();
    const forged = await testKey("RS256", "cert-hanzo");
    const pss = await testKey("PS256", "cert-hanzo");
    expect(await refusal(bearer(await rsa.sign({}, { kid: undefined })))).toMatchObject({
      code: "unauthorized",
    });
    expect((await refusal(bearer(await forged.sign({})))).message).toContain("signature");
    expect((await refusal(bearer(await pss.sign({})))).message).toContain("RS256");
  });

  it.each([
    ["expired", { exp: seconds - 60 }],
    ["not yet valid", { nbf: seconds + 60 }],
    ["without an expiry", { exp: undefined }],
    ["without a subject", { sub: undefined }],
    ["with a line break in its subject", { sub: "a\r\nX-Org-Id: b" }],
    ["of another issuer", { iss: "https://hanzo.id/" }],
    ["of no issuer", { iss: undefined }],
    ["that are refresh tokens", { tokenType: "refresh-token" }],
    ["that are id tokens", { tokenType: "id-token" }],
    ["that claim to be the platform's", { iss: PLATFORM_ISSUER, aud: "urn:hanzo-fn:invoke-proxy" }],
  ])("are refused when %s", async (_what, claims) => {
    const { refusal } = setup();
    const token = await rsa.sign(claims);
    const error = await refusal(bearer(token));
    expect(error.status).toBe(401);
    expect(JSON.stringify([error.message, error.details, error.next])).not.toContain(token.split(".")[1]);
  });

  it("are refused from everybody where the list of issuers is empty", async () => {
    const { refusal } = setup({ issuers: [] });
    expect(await refusal(bearer(await rsa.sign({})))).toMatchObject({ code: "unauthorized" });
  });

  it("are held to the audience only where one is configured", async () => {
    const token = bearer(await rsa.sign({ aud: ["other"] }));
    expect(await setup().auth.authenticate(token)).toBeDefined();
    expect(await setup({ audience: ["ours"] }).refusal(token)).toMatchObject({ code: "unauthorized" });
  });

  it("without an organisation are forbidden, not given a default one", async () => {
    const { refusal } = setup();
    expect(await refusal(bearer(await rsa.sign({ owner: undefined })))).toMatchObject({ code: "forbidden" });
  });

  it("give each selected organisation a verdict of its own", async () => {
    const { auth } = setup();
    const token = await rsa.sign({
      orgs: [
        { org: "a", role: "member" },
        { org: "b", role: "owner" },
      ],
    });
    const asA = await auth.authenticate(bearer(token));
    const asB = await auth.authenticate({ ...bearer(token), orgId: "b" });
    expect([asA?.org, asB?.org]).toEqual(["a", "b"]);
    expect(auth.cached({ ...bearer(token), orgId: "b" })?.org).toBe("b");
    expect(auth.cached(bearer(token))?.org).toBe("a");
  });
});

describe("the cache of verdicts", () => {
  it("answers for at most 60 s", async () => {
    const { auth, clock } = setup();
    const token = bearer(await rsa.sign({}));
    expect(auth.cached(token)).toBeUndefined();
    const identity = await auth.authenticate(token);
    clock.time = NOW + 59_999;
    expect(auth.cached(token)).toBe(identity);
    clock.time = NOW + 60_000;
    expect(auth.cached(token)).toBeUndefined();
  });
  it("ends with the token", async () => {
    const { auth, clock } = setup();
    const token = bearer(await rsa.sign({ exp: seconds + 10 }));
    await auth.authenticate(token);
    clock.time = NOW + 10_000;
    expect(auth.cached(token)).toBeUndefined();
  });
  it("never answers a refused token, and tries it again after a few seconds", async () => {
    const { auth, clock, iam, refusal } = setup();
    const late = await testKey("ES256", "late");
    const token = bearer(await late.sign({}));
    await refusal(token);
    expect(auth.cached(token)).toBeUndefined();
    iam.keys.push(late.jwk);
    clock.time = NOW + 31_000;
    expect(await auth.authenticate(token)).toMatchObject({ subject: "user-1" });
  });
  it("is bounded", async () => {
    const { auth } = setup({ maxCached: 4 });
    const tokens = await Promise.all([1, 2, 3, 4, 5, 6].map((n) => rsa.sign({ jti: String(n) })));
    for (const token of tokens) await auth.authenticate(bearer(token));
    expect(tokens.filter((token) => auth.cached(bearer(token))).length).toBeLessThanOrEqual(4);
    expect(auth.cached(bearer(tokens[5] ?? ""))).toBeDefined();
  });
});

describe("an issuer's keys", () => {
  it("are fetched once for concurrent requests, and again after an hour", async () => {
    const { auth, clock, iam } = setup();
    const tokens = await Promise.all([1, 2, 3].map((n) => rsa.sign({ jti: String(n), exp: seconds + 9000 })));
    await Promise.all(tokens.map((token) => auth.authenticate(bearer(token))));
    expect(iam.calls).toHaveLength(2);
    clock.time = NOW + 3_600_001;
    await auth.authenticate(bearer(tokens[0] ?? ""));
    expect(iam.calls).toHaveLength(4);
  });
  it("are fetched again for an unknown kid, at most every 30 s", async () => {
    const { auth, clock, iam, refusal } = setup();
    await auth.authenticate(bearer(await rsa.sign({})));
    const rotated = await testKey("ES256", "rotated");
    clock.time = NOW + 30_000;
    await refusal(bearer(await rotated.sign({ jti: "1" })));
    expect(iam.calls).toHaveLength(4);
    iam.keys.push(rotated.jwk);
    await refusal(bearer(await rotated.sign({ jti: "2" })));
    expect(iam.calls).toHaveLength(4);
    clock.time = NOW + 60_000;
    expect(await auth.authenticate(bearer(await rotated.sign({ jti: "3" })))).toBeDefined();
    expect(iam.calls).toHaveLength(6);
  });
  it("serve on while the issuer is away, but not for ever", async () => {
    const { auth, clock, iam, refusal } = setup();
    await auth.authenticate(bearer(await rsa.sign({})));
    iam.down = true;
    clock.time = NOW + 2 * 3_600_000;
    const later = { exp: seconds + 90_000 };
    expect(await auth.authenticate(bearer(await rsa.sign(later)))).toBeDefined();
    clock.time = NOW + 7 * 3_600_000;
    expect(await refusal(bearer(await rsa.sign({ ...later, jti: "2" })))).toMatchObject({ status: 503 });
  });
  it("are not read from an HTML page, which says nothing about the token", async () => {
    const { auth, clock, iam, refusal } = setup();
    iam.contentType = "text/html; charset=utf-8";
    const token = bearer(await rsa.sign({}));
    expect(await refusal(token)).toMatchObject({ code: "auth_unavailable", status: 503 });
    iam.contentType = "application/json; charset=utf-8";
    clock.time = NOW + 1000;
    expect(await auth.authenticate(token)).toBeDefined();
  });
  it("come from the override where one is set, without discovery", async () => {
    const { auth, iam } = setup({ issuers: [{ issuer: ISSUER, jwksUrl: "http://iam.internal/jwks" }] });
    await auth.authenticate(bearer(await rsa.sign({})));
    expect(iam.calls).toEqual(["http://iam.internal/jwks"]);
  });
});

describe("credentials", () => {
  it("that were not sent are no error", async () => {
    const { auth } = setup();
    expect(await auth.authenticate({})).toBeUndefined();
    expect(auth.cached({})).toBeUndefined();
  });
  it.each(["Basic eDp5", "Bearer", "Bearer ", "token abc"])(
    "of the form %j are refused",
    async (authorization) => {
      expect(await setup().refusal({ authorization })).toMatchObject({ code: "unauthorized" });
    },
  );
  it("use the scheme without regard to case", async () => {
    const { auth } = setup();
    expect(await auth.authenticate({ authorization: `bearer ${await rsa.sign({})}` })).toBeDefined();
  });
  it("lead to a challenge that tells what is wrong", async () => {
    const error = await setup().refusal(bearer(await rsa.sign({ exp: seconds - 60 })));
    expect(challenge(error, true)).toBe(
      'Bearer realm="hanzo-fn", error="invalid_token", error_description="the token has expired"',
    );
    expect(challenge(error, false)).toBe('Bearer realm="hanzo-fn"');
  });
});

describe("API keys", () => {
  const made = generateApiKey(NOW);
  const row = { id: made.id, org: "hanzo", permissions: ["functions:*"], hash: made.hash };

  it("of our own are found by their hash, as Bearer token and in the key header", async () => {
    const { auth } = setup({}, row);
    for (const credentials of [bearer(made.key), { apiKey: made.key }]) {
      expect(await auth.authenticate(credentials)).toMatchObject({
        kind: "key",
        org: "hanzo",
        limitKey: `key:${made.id}`,
        expiresAtMs: NOW + 60_000,
      });
    }
    expect(made.key).toMatch(/^hk-[\w-]{43}$/);
  });
  it("of our own end at their expiry", async () => {
    const { auth, clock, refusal } = setup({}, { ...row, expiresAtMs: NOW + 1000 });
    await auth.authenticate({ apiKey: made.key });
    clock.time = NOW + 1000;
    expect(auth.cached({ apiKey: made.key })).toBeUndefined();
    expect(await refusal({ apiKey: made.key })).toMatchObject({ code: "unauthorized" });
  });
  it("that nobody knows are refused without naming them", async () => {
    const error = await setup({}, row).refusal({ apiKey: "hk-unknown-key" });
    expect(error.code).toBe("unauthorized");
    expect(String(error.message)).not.toContain("unknown-key");
  });
  it("that are publishable are refused without asking anybody", async () => {
    const { iam, refusal } = setup({ introspection: { url: "https://iam/introspect" } });
    expect(await refusal({ apiKey: "pk-live-1" })).toMatchObject({ code: "unauthorized" });
    expect(iam.calls).toEqual([]);
  });
  it("of the identity provider are introspected and kept for five minutes", async () => {
    const { auth, clock, iam } = setup({ introspection: { url: "https://iam/introspect", clientId: "c" } });
    iam.introspection = { active: true, sub: "key-9", owner: "zoo", scope: "functions:invoke" };
    expect(await auth.authenticate({ apiKey: "sk-1" })).toMatchObject({
      kind: "key",
      org: "zoo",
      subject: "key-9",
    });
    clock.time = NOW + 299_999;
    expect(auth.cached({ apiKey: "sk-1" })).toBeDefined();
    clock.time = NOW + 300_000;
    expect(auth.cached({ apiKey: "sk-1" })).toBeUndefined();
    expect(iam.calls).toHaveLength(1);
  });
  it("that the provider calls inactive are refused; an absent provider is a 503", async () => {
    const { clock, iam, refusal } = setup({ introspection: { url: "https://iam/introspect" } });
    expect(await refusal({ apiKey: "sk-1" })).toMatchObject({ status: 401 });
    clock.time = NOW + 3000;
    iam.down = true;
    expect(await refusal({ apiKey: "sk-1" })).toMatchObject({ status: 503 });
  });
});

const storage = () => {
  let kept: JWK | undefined;
  return { loadKey: async () => kept, saveKey: async (key: JWK) => (kept ??= key) };
};

describe("our own issuers", () => {
  const clock = { now: () => NOW };

  it("make tokens that the authenticator accepts, also after a restart", async () => {
    const keys = storage();
    const dev = await createDevIssuer({ ...keys, clock });
    const token = await dev.issue({ org: "acme", subject: "admin", permissions: ["functions:*"] });
    const again = await createDevIssuer({ ...keys, clock });
    const { auth } = setup({ issuers: [], localIssuers: [again.rules], ownerFallback: false });
    const identity = await auth.authenticate(bearer(token));
    expect(identity).toMatchObject({ kind: "user", org: "acme", subject: "admin" });
    expect(identity?.permissions.size).toBe(PERMISSIONS.length);
    expect(JSON.stringify(dev.jwks)).not.toContain('"d"');
  });
  it("agree on one key when two processes start at once", async () => {
    const keys = storage();
    const [one, two] = await Promise.all([
      createDevIssuer({ ...keys, clock }),
      createDevIssuer({ ...keys, clock }),
    ]);
    expect(one.jwks).toEqual(two.jwks);
  });
  it("bind a platform token to one organisation and to invoking", async () => {
    const platform = await createPlatformIssuer({ ...storage(), clock });
    const { auth } = setup({ platform: platform.rules });
    const identity = await auth.authenticate({
      ...bearer(await platform.createPlatformToken({ org: "acme" })),
      orgId: "zoo",
    });
    expect(identity).toMatchObject({ kind: "platform", org: "acme" });
    expect([...(identity?.permissions ?? [])]).toEqual(["functions:invoke"]);
  });
  it("accept no user token as a platform token although one key signed both", async () => {
    const keys = storage();
    const dev = await createDevIssuer({ ...keys, clock });
    const platform = await createPlatformIssuer({ ...keys, clock });
    const { auth, refusal } = setup({ localIssuers: [dev.rules], platform: platform.rules });
    const user = await dev.issue({ org: "acme", subject: "events", permissions: ["functions:*"] });
    expect(await auth.authenticate(bearer(user))).toMatchObject({ kind: "user" });
    const withoutPlatform = setup({ localIssuers: [dev.rules] });
    const token = await platform.createPlatformToken({ org: "acme" });
    expect(await withoutPlatform.refusal(bearer(token))).toMatchObject({ code: "unauthorized" });
    expect(await refusal(bearer(await rsa.sign({ iss: PLATFORM_ISSUER })))).toMatchObject({
      code: "unauthorized",
    });
  });
  it("cannot be imitated by configuration", () => {
    expect(() => setup({ issuers: [{ issuer: PLATFORM_ISSUER }] })).toThrow("reserved");
  });
});
