/** The four samples of HIP-60, deployed and called as printed: small models under the samples' names, a real broker. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { absentServer, startNats, type NatsServer, tempDir, type TempDir } from "@hanzo-fn/testkit";
import { STAND_INS, tone, writeStandIn } from "@hanzo-fn/testkit/models";
import { afterAll, beforeAll, expect, test } from "vitest";
import { callFunction } from "./support/deploys.ts";
import { deployFunction } from "./support/functions.ts";
import { REPOSITORY, startPlatform, type TestPlatform } from "./support/platform.ts";
import { registrySettings } from "./support/registries.ts";

const SAMPLES = fileURLToPath(new URL("samples/", import.meta.url));
/** What compilers keep between runs. */
const BUILD_CACHE = join(REPOSITORY, ".cache", "builds");
const STREAM = "HANZO_MQ";

let nats: NatsServer;
let connection: NatsConnection;
let models: TempDir;
let platform: TestPlatform;
const absent = absentServer("nats-server");

beforeAll(async () => {
  if (absent !== undefined) return;
  nats = await startNats();
  connection = await connect({ servers: nats.url });
  await (await jetstreamManager(connection)).streams.add({ name: STREAM, subjects: ["mq.>"] });
  models = await tempDir("hfn-models-");
  await Promise.all(STAND_INS.map((name) => writeStandIn(join(models.path, name), name)));
  platform = await startPlatform({
    config: `models:\n  path: ${models.path}\n`,
    env: { ...registrySettings(), NATS_URL: nats.url, HANZO_FN_BUILD_CACHE: BUILD_CACHE },
  });
});
afterAll(async () => {
  await connection?.close();
  await platform?.[Symbol.asyncDispose]();
  await nats?.[Symbol.asyncDispose]();
  await models?.[Symbol.asyncDispose]();
});

/** The newest message on a subject, as JSON. */
async function published(subject: string): Promise<Record<string, unknown>> {
  const stream = await jetstream(connection).streams.get(STREAM);
  const message = await stream.getMessage({ last_by_subj: subject });
  if (message === null) throw new Error(`nothing was published on ${subject}`);
  return message.json<Record<string, unknown>>();
}

async function called(name: string, data: unknown): Promise<unknown> {
  const answer = await callFunction(platform, name, data);
  expect([answer.status, answer.text]).toEqual([200, expect.any(String)]);
  return JSON.parse(answer.text);
}

const deploySample = (language: string) => platform.ok(["deploy", "--source", join(SAMPLES, language)]);

test("the Python sample embeds a document", { timeout: 180_000 }, async (ctx) => {
  if (absent !== undefined) return ctx.skip(absent);
  await deploySample("python");
  // The stand-in has 32 dimensions, where bge-large-en-v1.5 has 1024.
  expect(await called("embed-document", { document_id: "doc_abc123" })).toEqual({
    document_id: "doc_abc123",
    dimensions: 32,
  });
});

test("the Go sample classifies a text", { timeout: 180_000 }, async (ctx) => {
  if (absent !== undefined) return ctx.skip(absent);
  await deploySample("go");
  expect(await called("classify", { text: "Help, my order is broken!" })).toEqual({
    label: "support",
    confidence: expect.closeTo(0.99003, 4) as number,
  });
  expect(await called("classify", { text: "what is the price?" })).toMatchObject({ label: "sales" });
});

test(
  "the TypeScript sample routes a message to support, and only such a one",
  { timeout: 180_000 },
  async (ctx) => {
    if (absent !== undefined) return ctx.skip(absent);
    await deploySample("typescript");
    expect(await called("webhook", { text: "what is the price?" })).toEqual({
      routed: true,
      intent: "sales",
    });
    await expect(published("mq.notify.support")).rejects.toThrow("nothing was published");
    expect(await called("webhook", { text: "the app is broken" })).toEqual({
      routed: true,
      intent: "support",
    });
    expect(await published("mq.notify.support")).toMatchObject({
      schema: "hanzo.mq.v1",
      source: "fn/webhook",
      data: {
        channel: "slack",
        message: "the app is broken",
        metadata: { confidence: expect.closeTo(0.99003, 4) as number },
      },
    });
  },
);

test(
  "the Rust sample transcribes stored sound and publishes the transcript",
  { timeout: 600_000 },
  async (ctx) => {
    if (absent !== undefined) return ctx.skip(absent);
    await deploySample("rust");
    await deployFunction(platform, {
      name: "recorder",
      runtime: "typescript",
      code: `export const handle = async (ctx) => ctx.storage.put(ctx.query.get("to"), ctx.body, { contentType: "audio/wav" });\n`,
    });
    for (const [word, hertz] of [
      ["low", 200],
      ["high", 5000],
    ] as const) {
      // A bucket of the organisation, since a function's own folder is its own.
      const url = `s3://local-audio/${word}.wav`;
      const stored = await platform.fetchInvoke(`/v1/functions/recorder?to=${encodeURIComponent(url)}`, {
        method: "POST",
        headers: { "content-type": "audio/wav" },
        body: tone(hertz, 2),
      });
      expect([stored.status, await stored.text()]).toEqual([200, expect.stringContaining("size")]);
      expect(await called("transcribe", { audio_url: url })).toEqual({ transcript: word });
      expect(await published("mq.pipeline.transcription.complete")).toMatchObject({
        schema: "hanzo.mq.v1",
        source: "fn/transcribe",
        data: { audio_url: url, transcript: word },
      });
    }
  },
);
