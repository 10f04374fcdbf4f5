/** Deadlines, memory limits, crashes and secrets of functions on a cluster. */
import { waitFor } from "@hanzo-fn/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { callFunction, expectError, instancesOf } from "../support/deploys.ts";
import { deployFunction, NEIGHBOUR } from "../support/functions.ts";
import { misbehaviourTests } from "../support/misbehaviour.ts";
import { BUDGET, kubectl, reading, SMALL } from "../support/on-cluster.ts";
import { startPlatform, type TestPlatform } from "../support/platform.ts";

let platform: TestPlatform;
beforeAll(async () => {
  // A stuck process has its function's timeout and this to end after its liveness probe failed.
  platform = await startPlatform({ config: "knative:\n  cold_start_budget: 20s\n" });
  await deployFunction(platform, { ...NEIGHBOUR, manifest: 'resources:\n  cpu: "50m"\n' });
});
afterAll(() => platform?.[Symbol.asyncDispose]());

misbehaviourTests(() => platform);

// Each of these waits for Kubernetes most of the time.
describe.concurrent("beside each other", () => {
  test("work whose time is over stops: what it did again and again it does no more", async () => {
    await deployFunction(platform, {
      name: "ticker",
      runtime: "python",
      manifest: 'resources:\n  cpu: "50m"\n  timeout: 8s\n  concurrency: 10\nscaling:\n  max_instances: 1\n',
      code:
        "import asyncio\n\nasync def handle(ctx):\n    while ctx.data.get('tick'):\n        await ctx.kv.incr('ticks')\n" +
        "        await asyncio.sleep(0.05)\n    return int(await ctx.kv.get('ticks') or 0)\n",
    });
    expectError(await callFunction(platform, "ticker", { tick: true }), 504, "timeout");
    const ticks = async (): Promise<number> => {
      const { status, text } = await callFunction(platform, "ticker");
      expect([status, text]).toEqual([200, expect.stringMatching(/^\d+$/)]);
      return Number(text);
    };
    let before = await ticks();
    expect(before).toBeGreaterThan(0);
    const hasStopped = async (): Promise<boolean> => {
      const now = await ticks();
      const same = now === before;
      before = now;
      return same;
    };
    await hasStopped();
    await waitFor("two counts alike", hasStopped, { timeoutMs: 60_000, everyMs: 500 });
  });

  test("a process that is stuck in a loop is ended and started anew, and the function answers again", async () => {
    await deployFunction(platform, {
      name: "busy",
      runtime: "typescript",
      manifest:
        'resources:\n  cpu: "50m"\n  timeout: 4s\n  concurrency: 4\nscaling:\n  target_concurrency: 4\n  max_instances: 1\n',
      code:
        "export const handle = async (ctx) => {\n  if (ctx.data.spin) for (;;) {}\n" +
        "  await new Promise((resolve) => setTimeout(resolve, ctx.data.ms ?? 0));\n  return 'good';\n};\n",
    });
    expect((await callFunction(platform, "busy")).status).toBe(200);
    expectError(await callFunction(platform, "busy", { spin: true }), 504, "timeout");
    const isBack = async (): Promise<boolean> => (await callFunction(platform, "busy")).status === 200;
    await waitFor("an answer again", isBack, BUDGET);
    expect((await callFunction(platform, NEIGHBOUR.name)).status).toBe(200);
  });

  test("a function whose process ends in a call is said to have, with its code and its last lines", async () => {
    await deployFunction(platform, {
      name: "crasher",
      runtime: "python",
      manifest: 'resources:\n  cpu: "50m"\n',
      code: "import os, sys\n\ndef handle(ctx):\n    print('about to fall over')\n    sys.stdout.flush()\n    os._exit(7)\n",
    });
    const answer = await callFunction(platform, "crasher");
    expect(expectError(answer, 502, "instance_exited").msg).toContain("code 7");
    // Kubernetes starts it again, later each time; while it waits `describe` says why.
    const isLooping = async (): Promise<string | false> => {
      await callFunction(platform, "crasher", {}, AbortSignal.timeout(5000)).catch(() => {});
      const described = await platform.ok(["describe", "crasher"]);
      return described.includes("crash_loop") && described;
    };
    const described = await waitFor("crash_loop in describe", isLooping, BUDGET);
    expect(described).toContain("about to fall over");
    expect((await callFunction(platform, NEIGHBOUR.name)).status).toBe(200);
  });

  test("calls beyond one instance's concurrency wait, bring more instances, and all succeed", async () => {
    await deployFunction(platform, {
      name: "crowd",
      runtime: "typescript",
      manifest:
        'resources:\n  cpu: "50m"\n  concurrency: 1\nscaling:\n  max_instances: 3\n  scale_down_delay: 0s\n',
      code:
        "export const handle = async (ctx) => {\n" +
        "  await new Promise((resolve) => setTimeout(resolve, 300));\n  return 'good';\n};\n",
    });
    const statuses = new Set<number>();
    const instances = new Set<string | null>();
    const until = performance.now() + BUDGET.timeoutMs;
    const keepCalling = async (): Promise<void> => {
      while (instances.size < 2 && performance.now() < until) {
        const answer = await callFunction(platform, "crowd");
        statuses.add(answer.status);
        instances.add(answer.headers.get("x-function-instance"));
      }
    };
    await Promise.all(Array.from({ length: 6 }, keepCalling));
    expect([...statuses]).toEqual([200]);
    expect(instances.size).toBeGreaterThan(1);
  });

  test("a secret that is set anew reaches the function in new pods of the same revision, and no call fails", async () => {
    const [first, second] = ["planted-value-7f3a91", "planted-value-b20c44"];
    await platform.ok(["secrets", "set", "planted"], { stdin: first });
    await deployFunction(platform, {
      name: "keeper",
      runtime: "python",
      manifest: `${SMALL.replace("0s", "300s")}secrets:\n  - name: planted\n    env: PLANTED\n`,
      code: "import os\n\ndef handle(ctx):\n    return os.environ['PLANTED'][-6:]\n",
    });
    const value = async (): Promise<string> => {
      const answer = await callFunction(platform, "keeper");
      expect([answer.status, answer.headers.get("x-function-revision")]).toEqual([200, "keeper-00001"]);
      return answer.text;
    };
    expect(await value()).toBe("7f3a91");
    const before = await instancesOf(platform, "keeper");
    await platform.ok(["secrets", "set", "planted"], { stdin: second });
    await waitFor("the new value", async () => (await value()) === "b20c44", BUDGET);
    const isRolled = async (): Promise<boolean> => {
      const now = await instancesOf(platform, "keeper");
      return now.length > 0 && now.every((instance) => !before.includes(instance));
    };
    await waitFor("new pods alone", isRolled, BUDGET);
    // A proxy hears of a pod that leaves a moment after it began to.
    const isAlone = async (): Promise<boolean> =>
      (await Promise.all(Array.from({ length: 10 }, value))).every((one) => one === "b20c44");
    await waitFor("the new value alone", isAlone, BUDGET);
    expect(
      await reading(platform, "revisions -l serving.knative.dev/service=keeper", "{.items[*].metadata.name}"),
    ).toBe("keeper-00001");
    const shown = await kubectl(platform, ["get", "ksvc,revisions,deployments,pods", "-o", "yaml"]);
    for (const planted of [first, second]) {
      expect(shown).not.toContain(planted);
      expect(platform.log.join("")).not.toContain(planted);
    }
  });

  test("a deploy whose secret does not exist fails and names it, and makes no revision in the cluster", async () => {
    const missing = deployFunction(platform, {
      name: "wanting",
      runtime: "python",
      manifest: `${SMALL}secrets:\n  - name: absent\n    env: ABSENT\n`,
      code: "def handle(ctx):\n    return 'never'\n",
    });
    await expect(missing).rejects.toThrow(/absent[^]*missing_secret|missing_secret[^]*absent/);
    expect(await kubectl(platform, ["get", "revisions", "-o", "name"])).not.toContain("wanting");
  });
});
