/** What a caller and `describe` see of scaling to zero, deadlines, memory limits and crash loops. */
import { waitFor } from "@hanzo-fn/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { deployFunction, NEIGHBOUR } from "./support/functions.ts";
import { misbehaviourTests } from "./support/misbehaviour.ts";
import { startPlatform, type TestPlatform } from "./support/platform.ts";

let platform: TestPlatform;
beforeAll(async () => {
  platform = await startPlatform({
    config: "local:\n  stable_window: 6s\n  panic_window: 2s\n  scale_to_zero_grace: 0s\n",
  });
  await deployFunction(platform, NEIGHBOUR);
});
afterAll(() => platform[Symbol.asyncDispose]());

interface Answer {
  readonly status: number;
  readonly error: string | undefined;
  readonly headers: Headers;
  readonly text: string;
}

async function call(name: string, data: unknown = {}): Promise<Answer> {
  const answer = await platform.fetchInvoke(`/v1/functions/${name}/invoke`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(data),
  });
  const text = await answer.text();
  let error: string | undefined;
  try {
    error = (JSON.parse(text) as { error?: string }).error;
  } catch {
    error = undefined;
  }
  return { status: answer.status, error, headers: answer.headers, text };
}

interface Shown {
  readonly instances: { instance: string }[];
  readonly failure?: { code: string; message: string; log_tail: string[] };
}

async function shown(name: string, revision = 1): Promise<Shown> {
  return (await (await platform.fetchApi(`/v1/functions/${name}/revisions/${revision}`)).json()) as Shown;
}

test("an idle function goes to zero instances and the next call brings it back, cold", async () => {
  await deployFunction(platform, {
    name: "sleeper",
    runtime: "typescript",
    manifest: "scaling:\n  scale_down_delay: 0s\n",
    code: "export const handle = () => 'awake';\n",
  });
  expect((await call("sleeper")).status).toBe(200);
  await waitFor("no instances", async () => (await shown("sleeper")).instances.length === 0, {
    timeoutMs: 60_000,
    everyMs: 200,
  });
  expect(await platform.ok(["describe", "sleeper"])).toContain("scaled to zero");
  const cold = await call("sleeper");
  expect(cold).toMatchObject({ status: 200, text: "awake" });
  expect(Number(cold.headers.get("x-function-cold-start-ms"))).toBeGreaterThan(0);
  const warm = await call("sleeper");
  expect(warm.headers.get("x-function-cold-start-ms")).toBeNull();
  expect((await shown("sleeper")).instances).toHaveLength(1);
});

misbehaviourTests(() => platform);

test("a busy loop is killed at its deadline, its neighbours in the instance hear why, and the next call works", async () => {
  await deployFunction(platform, {
    name: "busy",
    runtime: "typescript",
    manifest:
      "resources:\n  timeout: 4s\n  concurrency: 4\nscaling:\n  target_concurrency: 4\n  max_instances: 1\n",
    code:
      "export const handle = async (ctx) => {\n" +
      "  if (ctx.data.spin) for (;;) {}\n" +
      "  await new Promise((resolve) => setTimeout(resolve, ctx.data.ms ?? 0));\n  return 'good';\n};\n",
  });
  expect((await call("busy")).status).toBe(200);
  const beside = call("busy", { ms: 60_000 });
  const spinning = call("busy", { spin: true });
  expect(await spinning).toMatchObject({ status: 504, error: "timeout" });
  expect((await beside).error).toMatch(/^(instance_killed|timeout)$/);
  expect((await call("busy")).status).toBe(200);
  expect((await call("neighbour")).status).toBe(200);
});

test("a function that crashes on every call ends in a crash loop with its last log lines", async () => {
  await deployFunction(platform, {
    name: "crasher",
    runtime: "python",
    code: "import os, sys\n\ndef handle(ctx):\n    print('about to fall over')\n    sys.stdout.flush()\n    os._exit(7)\n",
  });
  const first = await call("crasher");
  expect(first).toMatchObject({ status: 502, error: "instance_exited" });
  expect(first.text).toContain("7");
  const looping = await waitFor(
    "a crash loop",
    async () => {
      const answer = await call("crasher");
      return answer.error === "crash_loop" && answer;
    },
    { timeoutMs: 60_000 },
  );
  expect(looping.status).toBe(503);
  expect(Number(looping.headers.get("retry-after"))).toBeGreaterThan(0);
  expect(looping.headers.get("x-function-not-delivered")).toBe("crash_loop");
  const described = await platform.ok(["describe", "crasher"]);
  expect(described).toContain("Callable:    no");
  expect(described).toContain("about to fall over");
  expect((await call("neighbour")).status).toBe(200);
});

test("calls beyond one instance's concurrency wait, start more instances, and all succeed", async () => {
  await deployFunction(platform, {
    name: "crowd",
    runtime: "typescript",
    manifest: "resources:\n  concurrency: 1\nscaling:\n  max_instances: 4\n",
    // The first call ends when another one has begun, which takes another instance.
    code:
      "export const handle = async (ctx) => {\n" +
      "  await ctx.kv.incr('begun');\n" +
      "  while (Number(await ctx.kv.get('begun')) < 2) await new Promise((resolve) => setTimeout(resolve, 20));\n" +
      "  await new Promise((resolve) => setTimeout(resolve, 300));\n  return 'good';\n};\n",
  });
  const answers = await Promise.all(Array.from({ length: 12 }, () => call("crowd")));
  expect(answers.map((answer) => answer.status)).toEqual(Array.from({ length: 12 }, () => 200));
  const instances = new Set(answers.map((answer) => answer.headers.get("x-function-instance")));
  expect(instances.size).toBeGreaterThan(1);
  expect(instances.size).toBeLessThanOrEqual(4);
});

test("secrets reach the function and nothing else, and a missing one fails the deploy", async () => {
  const planted = "planted-value-7f3a91";
  await platform.ok(["secrets", "set", "planted"], { stdin: planted });
  const source = {
    name: "keeper",
    runtime: "python" as const,
    manifest: "secrets:\n  - name: planted\n    env: PLANTED\n",
    code: "import os\n\ndef handle(ctx):\n    return {'length': len(os.environ['PLANTED']), 'right': os.environ['PLANTED'].startswith('planted-value')}\n",
  };
  await deployFunction(platform, source);
  expect(JSON.parse((await call("keeper")).text)).toEqual({ length: planted.length, right: true });
  const answers = await Promise.all(
    ["/v1/functions/keeper", "/v1/functions/keeper/revisions/1", "/v1/secrets"].map(async (path) =>
      (await platform.fetchApi(path)).text(),
    ),
  );
  expect(answers.join("")).not.toContain(planted);
  expect(platform.log.join("")).not.toContain(planted);
  await platform.ok(["secrets", "unset", "planted"]);
  const missing = await platform.cli(["deploy", "--source", `${platform.home}/functions/keeper`]);
  expect(missing.code).not.toBe(0);
  expect(missing.stderr).toContain("missing_secret");
  expect(missing.stderr).toContain("planted");
});
