import { join } from "node:path";
import { PEERS_SOURCE } from "../peers.ts";
import { wrk } from "../wrk.ts";
import { callOnce, CLIENT_CORE } from "./alone.ts";

export interface LoadResult {
  readonly requests: number;
  readonly perSecond: number;
  readonly p50Us: number;
}

/** Requests to one server for a while: without a body (`hello`), or with a small JSON one (`context`). */
export interface Load {
  readonly name: string;
  run(
    url: string,
    kind: "hello" | "context",
    connections: number,
    seconds: number,
    signal: AbortSignal,
  ): Promise<LoadResult>;
}

const CALL = join(PEERS_SOURCE, "call.lua");

export const wrkLoad: Load = {
  name: "wrk, closed loop, keep-alive",
  run: (url, kind, connections, seconds, signal) =>
    wrk(
      CLIENT_CORE,
      url,
      { connections, seconds, headers: {}, ...(kind === "context" ? { script: CALL } : {}) },
      signal,
    ),
};

const SMOKE_CALLS = 30;

/** Proves that servers answer, and measures nothing that is worth a number. */
export const smokeLoad: Load = {
  name: "a few calls",
  async run(url, kind) {
    const began = performance.now();
    for (let i = 0; i < SMOKE_CALLS; i++) {
      const status = await callOnce(url, kind === "context" ? '{"name":"you"}' : undefined);
      if (status !== 200) throw new Error(`${url} answered ${status}`);
    }
    const ms = performance.now() - began;
    return {
      requests: SMOKE_CALLS,
      perSecond: (SMOKE_CALLS * 1000) / ms,
      p50Us: (ms * 1000) / SMOKE_CALLS,
    };
  },
};
