import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { createInPlaceBuilder, type InPlaceBuilder } from "@hanzo-fn/builder";
import type { RuntimeLaunch } from "@hanzo-fn/engine";
import type { GatewayPlane } from "@hanzo-fn/gateway";
import type { Clock } from "@hanzo-fn/lifecycle";
import { findPython } from "../serve/python.ts";
import { installRuntimes, type Runtimes } from "../serve/runtimes.ts";
import type { DevOptions } from "./options.ts";
import { makeRunPlace, type RunPlace } from "./run-place.ts";
import { openServices, type ServicesEvents } from "./services.ts";
import { isNotCompiled } from "./source-scan.ts";
import { createWorkers, type Workers } from "./workers.ts";

/** What a session needs of its machine, whatever the function is. */
export interface Machine {
  readonly launches: Readonly<Record<string, RuntimeLaunch>>;
  readonly builder: InPlaceBuilder;
  readonly place: RunPlace;
  /** Absolute directory below the source for what builds make. */
  readonly scratch: string;
  readonly services: GatewayPlane;
  readonly workers: Workers;
  /** Removes what Python keeps of the source's last state. */
  forgetCompiled(): Promise<void>;
  /** Ends workers and builds; the place is left to its owner, who may still have processes in it. */
  close(): Promise<void>;
}

function isAlive(pid: number): boolean {
  try {
    return Number.isInteger(pid) && process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** A directory of this process for builds; those of processes that are gone are removed. */
async function makeScratch(root: string): Promise<string> {
  const parent = join(root, ".hanzo", "dev");
  await mkdir(parent, { recursive: true });
  for (const name of await readdir(parent)) {
    if (Number(name) === process.pid || !isAlive(Number(name))) {
      await rm(join(parent, name), { recursive: true, force: true });
    }
  }
  const scratch = join(parent, String(process.pid));
  await mkdir(scratch, { recursive: true });
  return scratch;
}

/**
 * Byte code of the author's files is not to be trusted: two saves in one second look alike to Python. It is kept
 * apart from the sources, and that of the function is thrown away at every save.
 */
function withByteCode(launch: RuntimeLaunch, folder: string): RuntimeLaunch {
  const args = [...launch.args.slice(0, -1), "-X", `pycache_prefix=${folder}`, ...launch.args.slice(-1)];
  return { ...launch, args };
}

async function openBuilder({ cache, env }: DevOptions, runtimes: Runtimes) {
  return createInPlaceBuilder({
    layersRoot: join(cache, "layers"),
    cacheRoot: join(cache, "build"),
    runtimes: {
      ...(runtimes.python === undefined ? {} : { python: { command: [runtimes.python.executable] } }),
      node: { command: [runtimes.node] },
      go: runtimes.go,
      rust: runtimes.rust,
    },
    hostEnvironment: env,
    leavesOut: isNotCompiled,
  });
}

export async function openMachine(
  options: DevOptions,
  events: ServicesEvents,
  clock: Clock,
  signal: AbortSignal,
): Promise<Machine> {
  const { root, cache, models, env } = options;
  const byteCode = join(cache, "pycache");
  await mkdir(join(cache, "runtimes"), { recursive: true });
  const python = await findPython("python3", false);
  const settled = { python: python?.executable, forOthers: false };
  const runtimes = await installRuntimes(join(cache, "runtimes"), settled, signal);
  const launches = { ...runtimes.launches, python: withByteCode(runtimes.launches.python, byteCode) };
  const builder = await openBuilder(options, runtimes);
  const [place, scratch] = await Promise.all([makeRunPlace(), makeScratch(root)]);
  const services = await openServices(
    { place, folder: join(root, ".hanzo"), cache, models, env },
    events,
    clock,
  );
  const workers = createWorkers({ launches, place, clock });
  return {
    launches,
    builder,
    place,
    scratch,
    services,
    workers,
    forgetCompiled: () => rm(join(byteCode, root), { recursive: true, force: true }),
    async close() {
      await Promise.all([workers.close(), builder.close()]);
      await rm(scratch, { recursive: true, force: true });
    },
  };
}
