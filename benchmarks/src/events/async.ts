import { Agent, request as httpRequest } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { ulid } from "@hanzo-fn/contract";
import { deployHello } from "../hello-function.ts";
import { makeServeHome, type ServeHome, type ServeProcess, startServe } from "../serve-process.ts";
import { atLeast, atMost, median, percentile, round, type Row, type SuiteOptions } from "../suite.ts";
import type { EventsPart } from "./part.ts";
import { withStore } from "./with-store.ts";

const FUNCTION = "hello";
const PER_SECOND = 500;
const ORG = "local";

interface Sizes {
  readonly rounds: number;
  readonly seconds: number;
  readonly backlog: number;
}
const FULL: Sizes = { rounds: 3, seconds: 10, backlog: 50_000 };
const SMOKE: Sizes = { rounds: 1, seconds: 1, backlog: 200 };

/** One call for later; the milliseconds from when it was to be sent until the whole answer. */
function accept(platform: ServeProcess, agent: Agent, dueAtMs: number, signal: AbortSignal): Promise<number> {
  const body = '{"n":1}';
  const headers = {
    Authorization: `Bearer ${platform.adminKey}`,
    "content-type": "application/json",
    "content-length": body.length,
  };
  const url = `${platform.invoke}/v1/functions/${FUNCTION}/invoke-async`;
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, { method: "POST", headers, agent, signal }, (answer) => {
      if (answer.statusCode !== 202) reject(new Error(`invoke-async answered ${answer.statusCode}`));
      answer.resume().once("end", () => resolve(performance.now() - dueAtMs));
    });
    request.once("error", reject);
    request.end(body);
  });
}

/** Sends at a steady rate, whatever is answered; latencies count from when a call was to be sent. */
async function acceptAtRate(platform: ServeProcess, seconds: number, signal: AbortSignal): Promise<number[]> {
  const agent = new Agent({ keepAlive: true });
  const began = performance.now();
  const calls: Promise<number>[] = [];
  while (calls.length < seconds * PER_SECOND) {
    const dueAtMs = began + (calls.length * 1000) / PER_SECOND;
    if (performance.now() < dueAtMs) await sleep(1, undefined, { signal });
    else calls.push(accept(platform, agent, dueAtMs, signal));
  }
  const latencies = await Promise.all(calls);
  agent.destroy();
  return latencies;
}

async function succeeded(platform: ServeProcess, signal: AbortSignal): Promise<number> {
  const text = await (await fetch(`${platform.metrics}/metrics`, { signal })).text();
  return Number(/tasks_finished_total\{[^}]*state="succeeded"\} (\d+)/.exec(text)?.[1] ?? 0);
}

/** When so many have succeeded since the platform started. */
async function untilSucceeded(platform: ServeProcess, count: number, signal: AbortSignal): Promise<number> {
  while ((await succeeded(platform, signal)) < count) await sleep(20, undefined, { signal });
  return performance.now();
}

/** Accepts tasks with nobody there to run them: into the database of a platform that is stopped. */
async function fillBacklog(home: ServeHome, count: number): Promise<void> {
  await withStore(home, async (store) => {
    let left = count;
    const work = async (): Promise<void> => {
      while (left-- > 0) {
        await store.tasks.submit({
          ...{ id: `task_${ulid()}`, org: ORG, function: FUNCTION, expiresInMs: 3_600_000 },
          request: { headers: { "content-type": "application/json" }, query: "", request_id: "req_bench" },
          payload: Buffer.from('{"n":1}'),
        });
      }
    };
    await Promise.all(Array.from({ length: 10 }, work));
  });
}

/** Tasks per second, from the first that ended to the last. */
async function drain(home: ServeHome, backlog: number, signal: AbortSignal): Promise<number> {
  await fillBacklog(home, backlog);
  await using platform = await startServe(home, "{}\n", signal);
  const first = await untilSucceeded(platform, 1, signal);
  const before = await succeeded(platform, signal);
  const last = await untilSucceeded(platform, backlog, signal);
  return ((backlog - before) * 1000) / (last - first);
}

async function run(signal: AbortSignal, { smoke = false }: SuiteOptions): Promise<readonly Row[]> {
  const { rounds, seconds, backlog } = smoke ? SMOKE : FULL;
  await using home = await makeServeHome();
  const p50: number[] = [];
  const p99: number[] = [];
  {
    await using platform = await startServe(home, "{}\n", signal);
    await deployHello(platform, home.path, FUNCTION, "typescript", signal);
    let total = 0;
    for (let i = 0; i < rounds; i++) {
      const latencies = await acceptAtRate(platform, seconds, signal);
      p50.push(percentile(latencies, 0.5));
      p99.push(percentile(latencies, 0.99));
      total += latencies.length;
      await untilSucceeded(platform, total, signal);
    }
  }
  const rates: number[] = [];
  for (let i = 0; i < rounds; i++) rates.push(await drain(home, backlog, signal));
  const part = "async";
  return [
    {
      ...{ part, what: `accept at ${PER_SECOND}/s, until 202`, rounds },
      p50_ms: round(median(p50)),
      p99_ms: round(median(p99)),
    },
    { part, what: `drain ${backlog} accepted tasks`, rounds, per_second: round(median(rates)) },
  ];
}

/** invoke-async: how quickly calls are accepted, and how many a second are made of those that wait. */
export const asyncPart: EventsPart = {
  name: "async",
  conditions: {
    async_accept:
      "open loop over kept connections to :8061, from when a call was to be sent; accepted calls run meanwhile",
    async_drain: "accepted into the stopped platform's database beforehand; from the first end to the last",
  },
  run,
  targets: ([accepted, drained]) => [
    atMost("async accept at 500/s, ms (p99)", 15, Number(accepted?.["p99_ms"])),
    atLeast("async drain, tasks a second", 2000, Number(drained?.["per_second"])),
  ],
};
