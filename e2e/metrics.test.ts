/** A known number of good, failing, timed-out and cold calls gives exactly those increments on :9060. */
import { waitFor } from "@hanzo-fn/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { instancesOf } from "./support/deploys.ts";
import { deployFunction } from "./support/functions.ts";
import { startPlatform, type TestPlatform } from "./support/platform.ts";

let platform: TestPlatform;
beforeAll(async () => {
  platform = await startPlatform({
    config: "local:\n  stable_window: 6s\n  panic_window: 2s\n  scale_to_zero_grace: 0s\n",
  });
});
afterAll(() => platform[Symbol.asyncDispose]());

async function scrape(): Promise<Map<string, number>> {
  const text = await (await fetch(`${platform.metrics}/metrics`)).text();
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.map((line) => [
      line.slice(0, line.lastIndexOf(" ")),
      Number(line.slice(line.lastIndexOf(" ") + 1)),
    ]),
  );
}

/** Calls one after the other; gives how many of them say that they waited for a cold start. */
async function call(data: unknown, count: number): Promise<number> {
  let cold = 0;
  for (let i = 0; i < count; i++) {
    const headers = { "content-type": "application/json" };
    const body = JSON.stringify(data);
    const answer = await platform.fetchInvoke("/v1/functions/counted/invoke", {
      method: "POST",
      headers,
      body,
    });
    if (answer.headers.has("x-function-cold-start-ms")) cold++;
    await answer.arrayBuffer();
  }
  return cold;
}

test("exactly the calls that were made are counted, by status, error type and cold start", async () => {
  await deployFunction(platform, {
    name: "counted",
    runtime: "typescript",
    manifest:
      "resources:\n  timeout: 5s\n  concurrency: 1\nscaling:\n  scale_down_delay: 0s\n  max_instances: 1\n",
    code:
      "export const handle = async (ctx) => {\n" +
      "  if (ctx.data.fail) throw new Error('wanted');\n" +
      "  if (ctx.data.hang) await new Promise(() => {});\n  return 'good';\n};\n",
  });
  const before = await scrape();
  let cold = await call({}, 5);
  cold += await call({ fail: true }, 3);
  await waitFor("no instances", async () => (await instancesOf(platform, "counted")).length === 0, {
    timeoutMs: 60_000,
    everyMs: 200,
  });
  // In a cluster an instance that leaves may answer until the proxy has heard of it.
  let first = 0;
  let good = 6;
  for (; first === 0; good++) first = await call({}, 1);
  // Whether a call after a timeout waits depends on how soon the replacement is there; the answers say which did.
  cold += first + (await call({ hang: true }, 2)) + (await call({}, 1));
  const after = await scrape();
  const increment = (series: string): number => (after.get(series) ?? 0) - (before.get(series) ?? 0);
  const labels = 'function="counted",org="local"';
  const measured = {
    success: increment(`hanzo_fn_invocations_total{${labels},trigger="http",status="success"}`),
    error: increment(`hanzo_fn_invocations_total{${labels},trigger="http",status="error"}`),
    timeout: increment(`hanzo_fn_invocations_total{${labels},trigger="http",status="timeout"}`),
    durations: increment(`hanzo_fn_duration_seconds_count{${labels},trigger="http"}`),
    handlerErrors: increment(`hanzo_fn_errors_total{${labels},error_type="handler_error"}`),
    timeouts: increment(`hanzo_fn_errors_total{${labels},error_type="timeout"}`),
    coldStarts: increment(`hanzo_fn_cold_starts_total{${labels}}`),
    coldDurations: increment(`hanzo_fn_cold_start_duration_seconds_count{${labels},runtime="typescript"}`),
    running: after.get(`hanzo_fn_concurrent_executions{${labels}}`),
  };
  expect(measured).toEqual({
    success: good,
    error: 3,
    timeout: 2,
    durations: good + 5,
    handlerErrors: 3,
    timeouts: 2,
    coldStarts: cold,
    coldDurations: cold,
    running: 0,
  });
  const figures = await waitFor("the figures", async () => {
    const json = (await (await platform.fetchApi("/v1/functions/counted/metrics")).json()) as Record<
      string,
      number
    >;
    return json["invocations"] === good + 5 && json;
  });
  expect(figures).toMatchObject({ errors: 3, timeouts: 2, cold_starts: cold });
});

test("healthz and readyz answer, and what is not there is 404", async () => {
  expect((await fetch(`${platform.metrics}/healthz`)).status).toBe(200);
  expect((await fetch(`${platform.metrics}/readyz`)).status).toBe(200);
  expect((await fetch(`${platform.metrics}/other`)).status).toBe(404);
});
