import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface WrkResult {
  readonly requests: number;
  readonly perSecond: number;
  /** Median latency in microseconds. */
  readonly p50Us: number;
  readonly p99Us: number;
}

const UNIT_US: Readonly<Record<string, number>> = { us: 1, ms: 1000, s: 1_000_000 };

function latencyUs(output: string, percentile: string): number {
  const [, amount, unit] = new RegExp(`${percentile}%\\s+([\\d.]+)(us|ms|s)`).exec(output) ?? [];
  return Number(amount) * (UNIT_US[unit ?? ""] ?? Number.NaN);
}

/** Closed-loop load by wrk (one thread) on one core. Throws where an answer was no 2xx or a connection failed. */
export async function wrk(
  core: number,
  url: string,
  options: {
    readonly connections: number;
    readonly seconds: number;
    readonly headers: Readonly<Record<string, string>>;
    /** A Lua file that makes the requests. */
    readonly script?: string;
  },
  signal: AbortSignal,
): Promise<WrkResult> {
  const headers = Object.entries(options.headers).flatMap(([name, value]) => ["-H", `${name}: ${value}`]);
  const script = options.script === undefined ? [] : ["-s", options.script];
  const { stdout } = await run(
    "taskset",
    [
      "-c",
      String(core),
      "wrk",
      "-t1",
      `-c${options.connections}`,
      `-d${options.seconds}s`,
      "--latency",
    ].concat(script, headers, url),
    { signal },
  );
  if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(`${url} answered with errors:\n${stdout}`);
  const requests = Number(/(\d+) requests in/.exec(stdout)?.[1]);
  const perSecond = Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]);
  if (!(requests > 0)) throw new Error(`wrk made no requests to ${url}:\n${stdout}`);
  return { requests, perSecond, p50Us: latencyUs(stdout, "50"), p99Us: latencyUs(stdout, "99") };
}
