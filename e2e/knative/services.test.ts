/** ctx.kv, ctx.storage and ctx.publish from pods, and what tokens of one organisation open of another's. */
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { absentServer, type NatsServer, startNats, waitFor } from "@hanzo-fn/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ApiAnswer, callFunction } from "../support/deploys.ts";
import { type FakeIam, startFakeIam } from "../support/fake-iam.ts";
import { deployFunction, type FunctionSource, manifestText } from "../support/functions.ts";
import { BUDGET, placeOf } from "../support/on-cluster.ts";
import { startPlatform, type TestPlatform } from "../support/platform.ts";
import { uploadForm } from "../support/upload.ts";

const OTHER = "acme";

/** Uses its services by `ctx`, or speaks to the gateway itself with a token that it is given. */
const USER: FunctionSource = {
  name: "user",
  runtime: "typescript",
  manifest: 'resources:\n  cpu: "50m"\n',
  code: `
import { type Context, GatewayError } from "@hanzo/functions";

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

async function act(ctx: Context): Promise<unknown> {
  const { kv, storage, data } = ctx;
  const { act, key, value, url, token, body, method } = data as Record<string, string>;
  switch (act) {
    case "set": return kv.set(key, value);
    case "get": return kv.get(key);
    case "put": return (await storage.put(key, Buffer.from(value))).key;
    case "read": return text(await storage.get(key));
    case "publish": return ctx.publish(key, { text: value });
    case "gateway": {
      const headers = token === undefined ? {} : { authorization: "Bearer " + token };
      const answer = await fetch(url, { method, headers, ...(body === undefined ? {} : { body }) });
      return { status: answer.status, text: await answer.text() };
    }
  }
}

export async function handle(ctx: Context) {
  try {
    return { value: await act(ctx) };
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    return { code: error.code };
  }
}
`,
};

let iam: FakeIam;
let nats: NatsServer | undefined;
let platform: TestPlatform;
let token: string;

beforeAll(async () => {
  iam = await startFakeIam();
  token = iam.orgToken(OTHER, ["functions:read", "functions:deploy", "functions:invoke"]);
  if (absentServer("nats-server") === undefined) nats = await startNats();
  const config = [
    `auth:\n  builtin_issuer: true\n  issuers: ["${iam.issuer}"]\n`,
    nats === undefined ? "" : `triggers:\n  nats:\n    url: ${nats.url}\n`,
  ].join("");
  platform = await startPlatform({ config });
  await deployFunction(platform, USER);
  const body = await uploadForm(manifestText(USER), { "handler.ts": USER.code });
  const uploaded = await asOther(() =>
    platform.fetchApi("/v1/functions", { method: "POST", body, headers: bearer() }),
  );
  expect(uploaded.status, uploaded.text).toBe(201);
  await waitFor(
    "the other organisation's function",
    async () => (await callOther({ act: "get", key: "none" })).status === 200,
    BUDGET,
  );
});
afterAll(async () => {
  await platform?.[Symbol.asyncDispose]();
  await nats?.[Symbol.asyncDispose]();
  await iam?.[Symbol.asyncDispose]();
});

const bearer = (): Record<string, string> => ({ authorization: `Bearer ${token}` });

async function asOther(ask: () => Promise<Response>): Promise<ApiAnswer> {
  const answer = await ask();
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
}

function callOther(data: unknown): Promise<ApiAnswer> {
  const headers = { ...bearer(), "content-type": "application/json" };
  const init = { method: "POST", headers, body: JSON.stringify(data) };
  return asOther(() => platform.fetchInvoke("/v1/functions/user/invoke", init));
}

const valueOf = ({ status, text }: ApiAnswer): unknown => {
  expect([status, text]).toEqual([200, expect.any(String)]);
  return JSON.parse(text);
};
const ask = async (data: unknown): Promise<unknown> => valueOf(await callFunction(platform, "user", data));
const askOther = async (data: unknown): Promise<unknown> => valueOf(await callOther(data));

/** A revision's token, as only the cluster's administrators see it. */
async function gatewayToken(namespace: string): Promise<string> {
  const { cluster } = placeOf(platform);
  const secret = await cluster.kubectl([
    ...["get", "secret", "user-00001.gateway", "-n", namespace],
    ...["-o", "jsonpath={.data.token}"],
  ]);
  return Buffer.from(secret, "base64").toString();
}

const request = { method: "POST", body: JSON.stringify({ op: "get", key: "mine" }) };

/** The status that the gateway answers this machine, where no pod is, which presents this token. */
async function statusHere(presented: string): Promise<number> {
  const ready = platform.log.find((line) => line.includes('"msg":"ready"')) ?? "{}";
  const { gateway } = JSON.parse(ready) as { gateway: string };
  const url = `${gateway.replace("0.0.0.0", "127.0.0.1")}/v1/kv`;
  return (await fetch(url, { ...request, headers: { authorization: `Bearer ${presented}` } })).status;
}

/** The status that the gateway answers a pod of the home organisation which presents this token. */
async function statusFor(presented: string | undefined): Promise<number> {
  const { cluster, platformNamespace } = placeOf(platform);
  const where = ["get", "service", "hanzo-fn-gateway", "-n", platformNamespace];
  const port = await cluster.kubectl([...where, "-o", "jsonpath={.spec.ports[0].port}"]);
  const { value } = (await ask({
    act: "gateway",
    url: `http://hanzo-fn-gateway.${platformNamespace}.svc.cluster.local:${port}/v1/kv`,
    ...request,
    ...(presented === undefined ? {} : { token: presented }),
  })) as { value: { status: number } };
  return value.status;
}

test("keys and objects of a function are kept, and another organisation's function of that name has its own", async () => {
  await ask({ act: "set", key: "mine", value: "of local" });
  await ask({ act: "put", key: "a.txt", value: "of local" });
  expect(await ask({ act: "get", key: "mine" })).toEqual({ value: "of local" });
  expect(await ask({ act: "read", key: "a.txt" })).toEqual({ value: "of local" });
  expect(await askOther({ act: "get", key: "mine" })).toEqual({ value: null });
  expect(await askOther({ act: "read", key: "a.txt" })).toEqual({ code: "not_found" });
});

test("another organisation's function is refused what it names in full", async () => {
  for (const key of ["s3://hanzo-functions/data/local/user/a.txt", "s3://local-shared/a.txt"])
    expect(await askOther({ act: "read", key })).toEqual({ code: "forbidden" });
});

test("a published message says whose function it is from, whatever the function says", async (ctx) => {
  if (nats === undefined) return ctx.skip(absentServer("nats-server"));
  const connection = await connect({ servers: nats.url });
  try {
    const { streams } = await jetstreamManager(connection);
    await streams.add({ name: "HANZO_MQ", subjects: ["mq.>"] });
    for (const publish of [ask, askOther])
      await publish({ act: "publish", key: "mq.notify.support", value: "hello" });
    const sent = [1, 2].map(async (seq) => (await streams.getMessage("HANZO_MQ", { seq }))?.json());
    expect(await Promise.all(sent)).toEqual([
      expect.objectContaining({ org_id: "local", source: "fn/user", data: { text: "hello" } }),
      expect.objectContaining({ org_id: OTHER, source: "fn/user", data: { text: "hello" } }),
    ]);
  } finally {
    await connection.close();
  }
});

test("a pod with another organisation's token, none, or a forged one is refused", async () => {
  const { namespace } = placeOf(platform);
  const [own, theirs] = [await gatewayToken(namespace), await gatewayToken(`${namespace}-${OTHER}`)];
  expect(await statusFor(own)).toBe(200);
  expect(await statusFor(undefined)).toBe(401);
  expect(await statusFor(theirs)).toBe(401);
  // The one organisation's name with the other's proof.
  expect(await statusFor(`${own.slice(0, -43)}${theirs.slice(-43)}`)).toBe(401);
  expect(await statusFor(`${theirs.slice(0, -43)}${own.slice(-43)}`)).toBe(401);
  expect(await statusFor(`${own.slice(0, -1)}${own.endsWith("A") ? "B" : "A"}`)).toBe(401);
});

test("a token that somebody kept opens nothing once its function is deleted", async () => {
  const kept = await gatewayToken(`${placeOf(platform).namespace}-${OTHER}`);
  expect(await statusHere(kept)).toBe(200);
  const path = "/v1/functions/user";
  const deleted = await asOther(() => platform.fetchApi(path, { method: "DELETE", headers: bearer() }));
  expect(deleted.status, deleted.text).toBeLessThan(300);
  await waitFor("its refusal", async () => (await statusHere(kept)) === 401, BUDGET);
  expect(await ask({ act: "get", key: "mine" })).toEqual({ value: "of local" });
});
