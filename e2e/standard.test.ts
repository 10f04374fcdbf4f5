/** The blocks that HIP-60 prints, run as printed, from a fresh directory. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { writeFunction } from "./support/functions.ts";
import { startPlatform, type TestPlatform } from "./support/platform.ts";

let platform: TestPlatform;
beforeAll(async () => {
  platform = await startPlatform();
});
afterAll(() => platform[Symbol.asyncDispose]());

/** A stand-in that answers the body that the standard prints. */
const EMBED = (version: string) => ({
  name: "embed-document",
  runtime: "typescript" as const,
  version,
  entry: "handler.embed",
  code: `export const embed = (ctx) => ({ document_id: ctx.data.document_id, dimensions: 1024, chunks_processed: 42 });\n`,
});

test("the CLI block runs as printed", async () => {
  const cwd = join(platform.home, "fresh");
  await mkdir(cwd);
  await platform.ok(["init", "--runtime", "python", "--name", "my-function"], { cwd });
  const made = await readFile(join(cwd, "my-function", "function.yaml"), "utf8");
  expect(made).toMatch(/^# yaml-language-server: \$schema=\S+/m);
  expect(
    await platform.ok(["deploy", "--name", "my-function", "--source", "./my-function"], { cwd }),
  ).toContain("/v1/functions/my-function/invoke");
  const answer = await platform.ok(["invoke", "my-function", "--data", '{"key": "value"}'], { cwd });
  expect(() => JSON.parse(answer) as unknown).not.toThrow();
  const stop = new AbortController();
  const following = platform.cli(["logs", "my-function", "--follow"], { cwd, signal: stop.signal });
  await platform.ok(["metrics", "my-function"], { cwd });
  expect(await platform.ok(["list"], { cwd })).toContain("my-function");
  stop.abort();
  expect((await following).code).toBe(130);
  await platform.ok(["delete", "my-function"], { cwd });
  expect(await platform.ok(["list", "-o", "name"], { cwd })).not.toContain("my-function");
});

test("deploy takes the source folder's manifest, else the one of the current folder", async () => {
  const cwd = join(platform.home, "manifest-beside");
  await mkdir(join(cwd, "src"), { recursive: true });
  const folder = await writeFunction(platform, { ...EMBED("1.0.0"), name: "beside" });
  await writeFile(join(cwd, "function.yaml"), await readFile(join(folder, "function.yaml"), "utf8"));
  await writeFile(join(cwd, "src", "handler.ts"), await readFile(join(folder, "handler.ts"), "utf8"));
  expect(await platform.ok(["deploy", "--source", "./src"], { cwd })).toContain(
    "/v1/functions/beside/invoke",
  );
});

test("the traffic block runs as printed, and the answers name the revisions in their shares", async () => {
  for (const version of ["1.0.0", "1.1.0", "1.2.0", "1.3.0"]) {
    const folder = await writeFunction(platform, EMBED(version));
    await platform.ok(["deploy", "--name", "embed-document", "--source", folder]);
  }
  await platform.ok(["traffic", "embed-document", "--revision", "4", "--percent", "10"]);
  const detail = (await (await platform.fetchApi("/v1/functions/embed-document")).json()) as {
    traffic: unknown;
  };
  expect(detail.traffic).toEqual([
    { revisionName: "embed-document-00003", percent: 90 },
    { revisionName: "embed-document-00004", percent: 10 },
  ]);
  const seen = new Map<string, number>();
  for (let i = 0; i < 400; i++) {
    const answer = await platform.fetchInvoke("/v1/functions/embed-document/invoke", {
      method: "POST",
      body: "{}",
    });
    const revision = answer.headers.get("x-function-revision") as string;
    seen.set(revision, (seen.get(revision) ?? 0) + 1);
    await answer.arrayBuffer();
  }
  // All but 3 in a million of binomial(400, 0.1) lie from 14 to 69; e2e/rollout.test.ts is the one that measures.
  expect(seen.get("embed-document-00004")).toBeGreaterThanOrEqual(14);
  expect(seen.get("embed-document-00004")).toBeLessThanOrEqual(69);
  expect([...seen.keys()].toSorted()).toEqual(["embed-document-00003", "embed-document-00004"]);
  await platform.ok(["traffic", "embed-document", "--revision", "4", "--percent", "100"]);
  expect(JSON.parse(await platform.ok(["traffic", "embed-document", "-o", "json"]))).toEqual({
    mode: "split",
    traffic: [{ revisionName: "embed-document-00004", percent: 100 }],
  });
  await platform.ok(["rollback", "embed-document"]);
  expect(await platform.ok(["traffic", "embed-document", "-o", "name"])).toBe("embed-document-00003\n");
  await platform.ok(["traffic", "embed-document", "--latest"]);
  expect(await platform.ok(["traffic", "embed-document", "-o", "name"])).toBe("embed-document-00004\n");
});

test("the request and response example: body, headers, and trigger headers that only the platform sets", async () => {
  const answer = await platform.fetchInvoke("/v1/functions/embed-document/invoke", {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "x-function-trigger": "mq",
      "x-function-trigger-source": "mq.batch.embeddings",
      "x-request-id": "req_01HQ3X7K8M2N4P5R6S7T8U9V0W",
    },
    body: JSON.stringify({ document_id: "doc_abc123", options: { model: "bge-large-en-v1.5" } }),
  });
  expect(answer.status).toBe(200);
  expect(answer.headers.get("content-type")).toBe("application/json");
  expect(answer.headers.get("x-function-name")).toBe("embed-document");
  expect(answer.headers.get("x-function-revision")).toBe("embed-document-00004");
  expect(answer.headers.get("x-function-duration-ms")).toMatch(/^\d+$/);
  expect(answer.headers.get("x-function-instance")).toMatch(/^fn-embed-document-00004-local-[0-9a-z]+$/);
  expect(answer.headers.get("x-request-id")).toBe("req_01HQ3X7K8M2N4P5R6S7T8U9V0W");
  expect(await answer.json()).toEqual({ document_id: "doc_abc123", dimensions: 1024, chunks_processed: 42 });
});

test("a client cannot claim a trigger", async () => {
  const folder = await writeFunction(platform, {
    name: "who-called",
    runtime: "typescript",
    code: "export const handle = (ctx) => ctx.trigger;\n",
  });
  await platform.ok(["deploy", "--source", folder]);
  const answer = await platform.fetchInvoke("/v1/functions/who-called/invoke", {
    method: "POST",
    headers: { "x-function-trigger": "mq", "x-function-trigger-source": "mq.batch.embeddings" },
    body: "{}",
  });
  expect(await answer.json()).toMatchObject({ type: "http", source: "/v1/functions/who-called/invoke" });
});
