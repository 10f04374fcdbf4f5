import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { systemClock } from "@hanzo-fn/lifecycle";
import { onTestFinished } from "vitest";
import {
  noMemoryControl,
  startInstance,
  type InstanceLine,
  type InstanceProcess,
  type InstanceSpec,
  type SpecialiseBody,
} from "../src/index.ts";

const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));

const FAKE_RUNTIME = fixture("fake-runtime.mjs");
export const PLATFORM = fixture("platform.mjs");
export const SOURCE = fixture("source");

export interface Places {
  readonly home: string;
  readonly socketDir: string;
  readonly ledgerDir: string;
}

/** Directories of one test, removed after it. */
export function makePlaces(): Places {
  const home = mkdtempSync(join(tmpdir(), "hfi-"));
  chmodSync(home, 0o711);
  const places = { home, socketDir: join(home, "i"), ledgerDir: join(home, "p") };
  mkdirSync(places.socketDir, { mode: 0o711 });
  mkdirSync(places.ledgerDir, { mode: 0o700 });
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  return places;
}

export function specOf(places: Places, over: Partial<InstanceSpec> = {}): InstanceSpec {
  return {
    id: "i1",
    command: process.execPath,
    args: [FAKE_RUNTIME],
    env: {},
    socketDir: places.socketDir,
    ledgerDir: places.ledgerDir,
    memory: noMemoryControl,
    drainMs: 1000,
    bootTimeoutMs: 10_000,
    onLine: () => undefined,
    clock: systemClock,
    ...over,
  };
}

export function bodyOf(entry: string, over: Partial<SpecialiseBody> = {}): SpecialiseBody {
  return {
    org: "acme",
    function: "f",
    revision: "f-00001",
    instance: "fn-f-00001-local-abc",
    source: SOURCE,
    entry,
    paths: [],
    environment: {},
    concurrency: 10,
    timeoutMs: 1000,
    ...over,
  };
}

export interface Running {
  readonly instance: InstanceProcess;
  readonly lines: InstanceLine[];
  readonly places: Places;
}

/** An instance that serves `handler.<name>`; it is killed after the test. */
export async function runHandler(name: string, over: Partial<InstanceSpec> = {}): Promise<Running> {
  const places = makePlaces();
  const lines: InstanceLine[] = [];
  const spec = specOf(places, { onLine: (line) => void lines.push(line), ...over });
  const instance = await startInstance(spec, AbortSignal.timeout(60_000));
  onTestFinished(async () => void (await instance.kill()));
  const result = await instance.specialise(bodyOf(`handler.${name}`), AbortSignal.timeout(60_000));
  if (!result.ok) throw new Error(result.message);
  return { instance, lines, places };
}

export function get(instance: InstanceProcess, path = "/"): Promise<string> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath: instance.address.path, path, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (text += chunk));
      response.on("error", reject);
      response.on("end", () => resolve(text));
    });
    outgoing.on("error", reject);
    outgoing.end();
  });
}
