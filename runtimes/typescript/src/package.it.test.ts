import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { emitServer } from "./emit.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const BIN = join(ROOT, "node_modules", ".bin");
const NODE = join(BIN, "node");

const TSCONFIG = {
  compilerOptions: {
    target: "es2023",
    module: "nodenext",
    moduleResolution: "nodenext",
    types: ["node"],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    noEmit: true,
  },
  include: ["*.ts"],
};

/** The TypeScript sample of HIP-60 as it is printed there; its helper type stands in a file of its own. */
const SAMPLE = `import { Context, Response } from '@hanzo/functions'
export async function webhook(ctx: Context): Promise<Response> {
const event = ctx.data as WebhookPayload
// Classify the incoming webhook
const intent = await ctx.model('distilbert-intent').predict(event.text)
// Route based on classification
if (intent.label === 'support') {
await ctx.publish('mq.notify.support', {
channel: 'slack',
message: event.text,
metadata: { confidence: intent.score },
})
}
return Response.ok({ routed: true, intent: intent.label })
}
`;

/** Every part of the public surface, as a user writes it. */
const USE = `import { GatewayError, Response, type Context, type Handler, type WebSocketConnection } from "@hanzo/functions";
import { createTestPlatform } from "@hanzo/functions/testing";

export const services: Handler = async (ctx: Context) => {
  const text: string | null = await ctx.kv.get("a");
  await ctx.kv.set("a", { text }, { ttl: 1.5, nx: true });
  for await (const key of ctx.kv.scan("a*")) ctx.log.info(key, { length: key.length });
  const stream = await ctx.storage.open("a", { start: 1 });
  const { etag } = await ctx.storage.put("b", stream, { contentType: "text/plain" });
  const vectors: Float32Array[] = await ctx.model("m").encode(["a", "b"]);
  const first: string = ctx.event?.source ?? ctx.batch?.[0]?.id ?? etag;
  return Response.event({ type: "made", data: { first, size: vectors.length }, tenant: "acme" }, { mode: "structured" });
};

export const upload = async (ctx: Context, body: ReadableStream<Uint8Array>) => {
  let size = 0;
  for await (const piece of body) size += piece.length;
  return Response.batch([{ id: ctx.requestId, output: size }, { id: "b", error: { kind: "permanent", message: "no" } }]);
};

export async function talk(ctx: Context): Promise<void> {
  const ws: WebSocketConnection = await ctx.accept();
  for await (const message of ws) await ws.send(message);
}

const platform = createTestPlatform({ models: { m: { encode: () => [new Float32Array(2)] } } });
const answer = await platform.invoke(upload, { body: "abc" });
if (answer.status !== 200) throw new GatewayError("internal", 500, answer.text);
console.log(JSON.stringify(answer.json));
`;

const run = promisify(execFile);

describe("the package that users import", () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "hzfn-"));
    const modules = join(directory, "node_modules");
    await emitServer(join(modules, "@hanzo", "functions"), NODE, AbortSignal.timeout(60_000));
    await mkdir(join(modules, "@types"));
    for (const name of ["@types/node", "undici-types"])
      await symlink(join(ROOT, "node_modules", name), join(modules, name));
    await writeFile(join(directory, "package.json"), '{"type":"module"}');
    await writeFile(join(directory, "tsconfig.json"), JSON.stringify(TSCONFIG));
    await writeFile(join(directory, "helpers.d.ts"), "interface WebhookPayload { text: string }\n");
    await writeFile(join(directory, "sample.ts"), SAMPLE);
    await writeFile(join(directory, "use.ts"), USE);
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  it("has the types that its sources have", async () => {
    await run(NODE, [join(ROOT, "scripts", "generate-sdk-types.ts"), "--check"], { cwd: ROOT });
  });

  it("compiles the sample of the specification and every part of the surface, strictly", async () => {
    const { stdout } = await run(join(BIN, "tsc"), ["-p", directory]).catch(
      (error: { stdout: string }) => error,
    );
    expect(stdout).toBe("");
  });

  it("finds what is wrong in a use", async () => {
    const wrong = join(directory, "wrong");
    await cp(join(directory, "tsconfig.json"), join(wrong, "tsconfig.json"), { recursive: true });
    await writeFile(
      join(wrong, "wrong.ts"),
      'import { Context } from "@hanzo/functions";\nexport const x: number = await new Context().kv.get("a");\n',
    );
    const failure = await run(join(BIN, "tsc"), ["--pretty", "false", "-p", wrong]).catch(
      (error: { stdout: string }) => error,
    );
    expect(failure.stdout).toMatch(/wrong\.ts\(2,14\): error TS2322/);
  });

  it("runs without a dependency, tests of users too", async () => {
    const { stdout } = await run(NODE, ["--disable-warning=ExperimentalWarning", join(directory, "use.ts")]);
    expect(JSON.parse(stdout)).toMatchObject({ results: [{ id: "req_test", output: 3 }, { id: "b" }] });
  });
});
