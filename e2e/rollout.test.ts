/**
 * An open loop of 200 requests a second through a redeploy, a split, a change of it, a rollback and, for the second
 * function, zero instances. REQUESTS sets the length (default 5,000; the long tier runs 10,000).
 */
import { Agent, request as httpRequest } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { seeded, waitFor } from "@hanzo-fn/testkit";
import { expect, test } from "vitest";
import { binomialBounds } from "./support/binomial.ts";
import { instancesOf } from "./support/deploys.ts";
import { deployFunction, type FunctionSource, writeFunction } from "./support/functions.ts";
import { startPlatform, type TestPlatform } from "./support/platform.ts";

const REQUESTS = Number(process.env["REQUESTS"] ?? 5000);
const PER_SECOND = 200;

interface Result {
  readonly sentAt: number;
  readonly function: string;
  readonly status: number;
  readonly revision: string;
}

/** A stretch of time in which the split of `steady` is known: from the answer of one change to the sending of the next. */
interface Phase {
  readonly from: number;
  to: number;
  readonly shares: Readonly<Record<string, number>>;
}

const source = (name: string, version: string): FunctionSource => ({
  name,
  runtime: "typescript",
  version,
  manifest:
    "resources:\n  concurrency: 20\nscaling:\n  target_concurrency: 10\n  max_instances: 8\n  scale_down_delay: 0s\n",
  code:
    "export const handle = async (ctx) => {\n" +
    "  const ms = Number(ctx.data.sleep ?? 0);\n" +
    "  if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));\n" +
    `  return { version: ${JSON.stringify(version)} };\n};\n`,
});

function createLoad(platform: TestPlatform, results: Result[]) {
  const agent = new Agent({ keepAlive: true, maxSockets: 256 });
  const random = seeded(7);
  const call = (name: string): Promise<void> =>
    new Promise((resolve) => {
      const slow = random() < 0.05 ? 1000 + Math.floor(random() * 2000) : 0;
      const body = JSON.stringify({ sleep: slow });
      const sentAt = performance.now();
      const done = (status: number, revision: string): void => {
        results.push({ sentAt, function: name, status, revision });
        resolve();
      };
      const request = httpRequest(
        `${platform.invoke}/v1/functions/${name}/invoke`,
        {
          method: "POST",
          agent,
          headers: {
            authorization: `Bearer ${platform.adminKey}`,
            "content-type": "application/json",
            "content-length": body.length,
          },
        },
        (answer) => {
          answer.resume();
          answer.once("end", () =>
            done(answer.statusCode ?? 0, String(answer.headers["x-function-revision"])),
          );
          answer.once("error", () => done(-1, ""));
        },
      );
      request.once("error", () => done(-2, ""));
      request.end(body);
    });
  return { call, random, close: () => agent.destroy() };
}

test(`${REQUESTS} requests at ${PER_SECOND}/s: no failure across deploys, splits, a rollback and zero`, async () => {
  const config = "local:\n  stable_window: 6s\n  panic_window: 2s\n  scale_to_zero_grace: 0s\n";
  await using platform = await startPlatform({ config });
  await deployFunction(platform, source("steady", "1.0.0"));
  await deployFunction(platform, source("bursty", "1.0.0"));
  const results: Result[] = [];
  const load = createLoad(platform, results);
  const started = performance.now();
  const lasts = (REQUESTS / PER_SECOND) * 1000;
  const at = (share: number): Promise<void> =>
    sleep(Math.max(0, started + lasts * share - performance.now()));

  let burstyPaused = false;
  const running: Promise<void>[] = [];
  const scripted = new AbortController();
  const generate = async (): Promise<void> => {
    // Where the platform is slow to get to zero, the load goes on until it has been seen to come back.
    for (let sent = 0; sent < REQUESTS || !scripted.signal.aborted; sent++) {
      const due = started + (sent * 1000) / PER_SECOND;
      const early = due - performance.now();
      if (early > 1) await sleep(early);
      running.push(load.call(load.random() < 0.25 && !burstyPaused ? "bursty" : "steady"));
    }
  };

  const phases: Phase[] = [{ from: started, to: 0, shares: { "steady-00001": 1 } }];
  const change = async (args: readonly string[], shares: Phase["shares"]): Promise<void> => {
    (phases.at(-1) as Phase).to = performance.now();
    await platform.ok(["traffic", "steady", ...args]);
    phases.push({ from: performance.now(), to: 0, shares });
  };
  let sawZero = false;
  const script = async (): Promise<void> => {
    await at(0.1);
    const folder = await writeFunction(platform, source("steady", "2.0.0"));
    await platform.ok(["deploy", "--source", folder, "--no-traffic"]);
    await at(0.2);
    burstyPaused = true;
    await change(["--revision", "2", "--percent", "10"], { "steady-00001": 0.9, "steady-00002": 0.1 });
    await at(0.5);
    await change(["--revision", "2", "--percent", "60"], { "steady-00001": 0.4, "steady-00002": 0.6 });
    await waitFor(
      "bursty to scale to zero",
      async () => (await instancesOf(platform, "bursty")).length === 0,
      {
        timeoutMs: 60_000,
        everyMs: 200,
      },
    );
    sawZero = true;
    const zeroAt = performance.now();
    burstyPaused = false;
    await waitFor("bursty to be called again", () =>
      results.some((result) => result.function === "bursty" && result.sentAt > zeroAt),
    );
    await at(0.75);
    (phases.at(-1) as Phase).to = performance.now();
    await platform.ok(["rollback", "steady"]);
    phases.push({ from: performance.now(), to: Number.POSITIVE_INFINITY, shares: { "steady-00001": 1 } });
  };
  await Promise.all([generate(), script().finally(() => scripted.abort())]);
  await Promise.all(running);
  load.close();

  expect(sawZero).toBe(true);
  expect(results.length).toBeGreaterThanOrEqual(REQUESTS);
  expect(results).toHaveLength(running.length);
  expect(results.filter((result) => result.status !== 200)).toEqual([]);
  // The loop was open: what was asked for was sent, however long answers took. Where the machine stands still, it is late.
  const span = Math.max(...results.map((result) => result.sentAt)) - started;
  expect(running.length / (span / 1000)).toBeGreaterThan(PER_SECOND / 2);
  for (const { from, to, shares } of phases) {
    // A request that is under way when the split changes belongs to neither phase.
    const own = results.filter(
      (result) => result.function === "steady" && result.sentAt > from && result.sentAt < to - 50,
    );
    for (const revision of ["steady-00001", "steady-00002"]) {
      const { low, high } = binomialBounds(own.length, shares[revision] ?? 0);
      const count = own.filter((result) => result.revision === revision).length;
      expect([revision, shares[revision] ?? 0, own.length, count >= low && count <= high]).toEqual([
        revision,
        shares[revision] ?? 0,
        own.length,
        true,
      ]);
    }
  }
}, 300_000);
