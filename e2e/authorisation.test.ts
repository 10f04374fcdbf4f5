/** Every operation of /openapi.json and every route of :8061, with no, bad, foreign, read-only and good tokens. */
import { generateKeyPairSync } from "node:crypto";
import { OPERATIONS, type Operation } from "@hanzo-fn/contract/api";
import { errorBodySchema } from "@hanzo-fn/contract/api";
import { waitFor } from "@hanzo-fn/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type FakeIam, startFakeIam } from "./support/fake-iam.ts";
import { deployFunction, type FunctionSource, manifestText } from "./support/functions.ts";
import { startPlatform, type TestPlatform } from "./support/platform.ts";
import { accepted, endOf } from "./support/tasks.ts";

/** What anybody may see. An operation that is added must be put here on purpose. */
const PUBLIC = new Set(["getHealth", "getOpenApi", "getReference"]);
/** What a signed URL opens, and no token at all. */
const SIGNED = new Set(["getSignedObject", "putSignedObject"]);
const ORG = "local";

const WALK: FunctionSource = {
  name: "walk",
  runtime: "typescript",
  // Called by its schedule it fails, so that there is a dead letter to look at.
  code: "export const handle = (ctx) => {\n  if (ctx.trigger.type === 'cron') throw new Error('no');\n  return ctx.data?.hang ? new Promise(() => {}) : { ok: true };\n};\n",
  triggers:
    "triggers:\n  - type: http\n    path: /v1/functions/walk\n    methods: [GET, POST]\n" +
    "  - type: http\n    path: /optional\n    methods: [GET]\n    auth: optional\n" +
    "  - type: http\n    path: /open\n    methods: [GET]\n    auth: none\n" +
    '  - {type: cron, schedule: "@every 1s", retry: {attempts: 1}}\n',
};

let iam: FakeIam;
let platform: TestPlatform;
let triggerId: string;
let letterId: string;
/** One task that has ended, and one that runs until it is cancelled. */
let ended: string;
let running: string;

beforeAll(async () => {
  iam = await startFakeIam();
  const config = `auth:\n  builtin_issuer: true\n  issuers: ["${iam.issuer}"]\n`;
  platform = await startPlatform({ config, env: { DATABASE_URL: "" } });
  await deployFunction(platform, WALK);
  await platform.ok(["secrets", "set", "kept=1"]);
  const list = async <T>(path: string): Promise<T> => (await (await platform.fetchApi(path)).json()) as T;
  const listed = await list<{ triggers: { id: string }[] }>("/v1/triggers?type=cron");
  triggerId = listed.triggers[0]?.id as string;
  letterId = await waitFor(
    "a dead letter",
    async () => {
      const letters = await list<{ dead_letters: { id: string }[] }>("/v1/dead-letters");
      return letters.dead_letters[0]?.id;
    },
    { timeoutMs: 60_000 },
  );
  ended = await accepted(platform, "walk");
  running = await accepted(platform, "walk", { body: '{"hang":true}' });
  await endOf(platform, ended);
});
afterAll(async () => {
  await platform[Symbol.asyncDispose]();
  await iam[Symbol.asyncDispose]();
});

interface Described {
  readonly operationId: string;
  readonly method: string;
  readonly path: string;
  readonly permission: string | undefined;
}

async function described(): Promise<Described[]> {
  const document = (await (await fetch(`${platform.api}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, { operationId: string; "x-permission"?: string }>>;
  };
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      operationId: operation.operationId,
      method: method.toUpperCase(),
      path,
      permission: operation["x-permission"],
    })),
  );
}

const concrete = (path: string): string =>
  path
    .replace("/secrets/{name}", "/secrets/kept")
    .replace("/tasks/{id}/cancel", `/tasks/${running}/cancel`)
    .replace("/tasks/{id}", `/tasks/${ended}`)
    .replace("{name}", "walk")
    .replace("{rev}", "1")
    .replace("/dead-letters/{id}", `/dead-letters/${letterId}`)
    .replace("{id}", triggerId);

function bodyOf(operationId: string): string | FormData | undefined {
  if (operationId === "setTraffic") return JSON.stringify({ latest: true });
  if (["redriveDeadLetters", "purgeDeadLetters"].includes(operationId))
    return JSON.stringify({ all: true, dry_run: true });
  if (operationId === "setSecret") return JSON.stringify({ value: "2" });
  if (["invokeFunction", "invokeFunctionAsync"].includes(operationId)) return "{}";
  if (operationId === "publish") return JSON.stringify({ subject: "mq.notify.support", data: 1 });
  if (["createFunction", "updateFunction", "checkFunction"].includes(operationId)) {
    const form = new FormData();
    form.set("manifest", manifestText(WALK));
    return form;
  }
  return undefined;
}

function call({ operationId, method, path }: Described, token: string | undefined): Promise<Response> {
  const body = bodyOf(operationId);
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return fetch(platform.api + concrete(path), { method, headers, ...(body === undefined ? {} : { body }) });
}

function badTokens(): Record<string, string> {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const claims = { orgs: [{ org: ORG, role: "owner" }] };
  const [head, payload] = iam.token(claims).split(".");
  return {
    "a word": "nonsense",
    "an unknown API key": "hk-0000000000000000000000000000000000000000000",
    "a publishable key": "pk-live-1",
    "another key's signature": iam.token(claims, { key: privateKey }),
    "an unknown key id": iam.token(claims, { kid: "other" }),
    "an expired one": iam.token({ ...claims, exp: Math.floor(Date.now() / 1000) - 60 }),
    "another issuer": iam.token({ ...claims, iss: "https://elsewhere.example" }),
    "no signature": `${Buffer.from('{"alg":"none"}').toString("base64url")}.${payload}.`,
    "a cut signature": `${head}.${payload}.AAAA`,
    "a refresh token": iam.token({ ...claims, tokenType: "refresh-token" }),
  };
}

async function expectError(answer: Response, status: number, what: string): Promise<void> {
  expect(answer.status, what).toBe(status);
  const body = errorBodySchema.parse(await answer.json());
  expect(body.code, what).toBe(status);
  expect(answer.headers.get("x-request-id"), what).toBe(body.requestId);
}

test("the document describes exactly the operations of the table, and the public ones are the listed ones", async () => {
  const found = await described();
  expect(found.map((one) => one.operationId).toSorted()).toEqual(OPERATIONS.map((one) => one.id).toSorted());
  expect(new Set(found.filter((one) => one.permission === undefined).map((one) => one.operationId))).toEqual(
    PUBLIC,
  );
});

test("without a token every operation but the public ones answers 401", async () => {
  for (const operation of await described()) {
    const answer = await call(operation, undefined);
    if (PUBLIC.has(operation.operationId)) expect(answer.status, operation.operationId).toBe(200);
    else await expectError(answer, SIGNED.has(operation.operationId) ? 403 : 401, operation.operationId);
  }
});

test("with a bad token every operation but the public ones answers 401, whatever is bad about it", async () => {
  const operations = (await described()).filter(({ operationId: id }) => !PUBLIC.has(id) && !SIGNED.has(id));
  for (const [what, token] of Object.entries(badTokens())) {
    for (const operation of operations) {
      await expectError(await call(operation, token), 401, `${operation.operationId} with ${what}`);
    }
  }
});

test("with a foreign token a path that names a resource is not found, and a list shows only its own rows", async () => {
  const foreign = iam.orgToken("other", ["functions:read", "functions:deploy", "functions:invoke"]);
  for (const operation of await described()) {
    if (PUBLIC.has(operation.operationId)) continue;
    // Nothing of anybody's is named: the function would be a new one.
    if (["createFunction", "checkFunction"].includes(operation.operationId)) continue;
    if (operation.operationId === "publish") {
      await expectError(await call(operation, foreign), 403, operation.operationId);
      continue;
    }
    if (SIGNED.has(operation.operationId)) {
      await expectError(await call(operation, foreign), 403, operation.operationId);
      continue;
    }
    if (operation.operationId === "setSecret") continue;
    const answer = await call(operation, foreign);
    if (operation.path.includes("{")) {
      await expectError(answer, 404, operation.operationId);
      continue;
    }
    expect(answer.status, operation.operationId).toBe(200);
    expect(JSON.stringify(await answer.json()), operation.operationId).not.toContain("walk");
  }
  expect((await platform.fetchApi("/v1/functions/walk")).status).toBe(200);
});

test("a read-only token reads and gets 403 on writes and invocations", async () => {
  const reader = iam.orgToken(ORG, ["functions:read"]);
  for (const operation of await described()) {
    if (PUBLIC.has(operation.operationId)) continue;
    const answer = await call(operation, reader);
    if (operation.permission === "functions:read") expect(answer.status, operation.operationId).toBe(200);
    else await expectError(answer, 403, operation.operationId);
    if (!answer.bodyUsed) await answer.body?.cancel();
  }
});

test("every good answer is as its schema says", async () => {
  const last = ["unsetSecret", "deleteFunction"];
  const rank = (id: string): number => last.indexOf(id);
  const ordered = (OPERATIONS as readonly Operation[]).toSorted((a, b) => rank(a.id) - rank(b.id));
  const all = new Map((await described()).map((one) => [one.operationId, one]));
  for (const operation of ordered) {
    if (["createFunction", "deleteFunction"].includes(operation.id) || SIGNED.has(operation.id)) continue;
    // There is no broker here.
    if (operation.id === "publish") continue;
    const answer = await call(all.get(operation.id) as Described, platform.adminKey);
    expect(answer.status, operation.id).toBe(operation.status);
    const { response } = operation;
    if (response.kind === "json") {
      const result = response.schema.safeParse(await answer.json());
      expect(result.error?.issues, operation.id).toBeUndefined();
    } else if (response.kind === "events") {
      const lines = (await answer.text()).split("\n").filter((line) => line.startsWith('data: {"id"'));
      for (const line of lines) response.schema.parse(JSON.parse(line.slice(6)));
    } else {
      await answer.arrayBuffer();
    }
  }
});

test("the routes of the invoke proxy decide by their `auth`", async () => {
  const invoker = iam.orgToken(ORG, ["functions:invoke"]);
  const reader = iam.orgToken(ORG, ["functions:read"]);
  const foreign = iam.orgToken("other", ["functions:invoke"]);
  const at = (path: string, token?: string): Promise<Response> =>
    fetch(platform.invoke + path, {
      method: /\/invoke(-async)?$/.test(path) ? "POST" : "GET",
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    });
  const table: readonly (readonly [
    path: string,
    none: number,
    bad: number,
    foreign: number,
    read: number,
    good: number,
  ])[] = [
    ["/v1/functions/walk/invoke", 401, 401, 404, 403, 200],
    ["/v1/functions/walk/invoke-async", 401, 401, 404, 403, 202],
    ["/v1/functions/walk", 401, 401, 404, 403, 200],
    ["/optional", 200, 401, 200, 200, 200],
    ["/open", 200, 200, 200, 200, 200],
    ["/nowhere", 404, 404, 404, 404, 404],
  ];
  for (const [path, none, bad, other, read, good] of table) {
    const answers = [
      await at(path),
      await at(path, "nonsense"),
      await at(path, foreign),
      await at(path, reader),
      await at(path, invoker),
    ];
    expect([path, ...answers.map((answer) => answer.status)]).toEqual([path, none, bad, other, read, good]);
    for (const answer of answers.filter((one) => one.status >= 400)) {
      const body = errorBodySchema.parse(await answer.json());
      expect(answer.headers.get("x-function-not-delivered")).toBe(body.error);
    }
  }
});

test("pinning a revision by header needs functions:deploy", async () => {
  const pin = (token: string): Promise<Response> =>
    fetch(`${platform.invoke}/v1/functions/walk/invoke`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "x-function-revision": "1" },
    });
  expect((await pin(iam.orgToken(ORG, ["functions:invoke"]))).status).toBe(403);
  expect((await pin(iam.orgToken(ORG, ["functions:invoke", "functions:deploy"]))).status).toBe(200);
  expect((await pin(platform.adminKey)).status).toBe(200);
});
