/** Events reach functions on every engine: by a schedule, and by a call that is queued. */
import type { TriggerRunJson } from "@hanzo-fn/contract/api";
import { waitFor } from "@hanzo-fn/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { callFunction } from "./support/deploys.ts";
import { deployFunction } from "./support/functions.ts";
import { startPlatform, type TestPlatform } from "./support/platform.ts";
import { accepted, endOf } from "./support/tasks.ts";

let platform: TestPlatform;
beforeAll(async () => {
  platform = await startPlatform();
  await deployFunction(platform, {
    name: "worker",
    runtime: "python",
    manifest: 'resources:\n  cpu: "50m"\n',
    triggers:
      "triggers:\n  - type: http\n    path: /v1/functions/worker\n" +
      `  - {type: cron, schedule: "@every 2s", payload: '{"mode": "tick"}'}\n`,
    code:
      "async def handle(ctx):\n    if ctx.trigger.type == 'cron':\n        await ctx.kv.incr(ctx.data['mode'])\n" +
      "    return {'by': ctx.trigger.type, 'ticks': int(await ctx.kv.get('tick') or 0), 'data': ctx.data}\n",
  });
});
afterAll(() => platform?.[Symbol.asyncDispose]());

const PATIENT = { timeoutMs: 60_000, everyMs: 200 };

test("a schedule calls its function, and its runs are on record", async () => {
  const ticks = async (): Promise<number> =>
    (JSON.parse((await callFunction(platform, "worker")).text) as { ticks: number }).ticks;
  await waitFor("two runs", async () => (await ticks()) >= 2, PATIENT);
  const [trigger] = JSON.parse(await platform.ok(["triggers", "list", "--type", "cron", "-o", "json"])) as {
    id: string;
    state: string;
  }[];
  expect(trigger?.state).toBe("active");
  await platform.ok(["triggers", "pause", trigger?.id ?? ""]);
  const runs = JSON.parse(
    await platform.ok(["triggers", "runs", trigger?.id ?? "", "-o", "json"]),
  ) as TriggerRunJson[];
  const succeeded = runs.filter(({ state }) => state === "succeeded");
  expect(succeeded.length).toBeGreaterThanOrEqual(2);
  expect(succeeded[0]).toMatchObject({ attempts: 1, status: 200 });
});

test("a call that is queued ends with its function's answer", async () => {
  const id = await accepted(platform, "worker", { body: '{"n":1}' });
  expect(await endOf(platform, id)).toMatchObject({ status: "succeeded", attempts: 1 });
  const printed = await platform.ok(["invoke", "worker", "--async", "--wait", "--data", '{"n":2}']);
  expect(JSON.parse(printed)).toMatchObject({ data: { n: 2 } });
});
