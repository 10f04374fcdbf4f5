import { mkdir, readdir, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { createInPlaceBuilder } from "@hanzo-fn/builder";
import { PlatformError } from "@hanzo-fn/contract";
import type { RuntimeLaunch } from "@hanzo-fn/engine";
import { createGroup, systemClock } from "@hanzo-fn/lifecycle";
import { findPython } from "../serve/python.ts";
import { installRuntimes, type Runtimes } from "../serve/runtimes.ts";
import { createCurrentCode, type CurrentCode } from "./current-code.ts";
import { type CodeDebugger, createDebugger } from "./debugger.ts";
import { createFront, type Front } from "./front.ts";
import type { FunctionSettings } from "./function-settings.ts";
import { createMakeCode } from "./make-code.ts";
import { nextFreePort, portHolder } from "./port-holder.ts";
import { makeRunPlace } from "./run-place.ts";
import type { Show } from "./show.ts";
import { isNotCompiled } from "./source-scan.ts";
import { openServices } from "./services.ts";
import { createSourceWatch, type SourceWatch } from "./source-watch.ts";
import { createWorkers } from "./workers.ts";

export interface DevOptions {
  /** Absolute; a real path. */
  readonly root: string;
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Where runtime servers and installed dependencies are kept between sessions. */
  readonly cache: string;
  /** Directory with one directory per model, for `ctx.model`. */
  readonly models: string | undefined;
  /** Port of a debugger; undefined: none. */
  readonly debugPort: number | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface DevServer {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly code: CurrentCode;
  readonly watch: SourceWatch;
  /** As read last; undefined where it was never valid. */
  readonly settings: FunctionSettings | undefined;
  stop(): Promise<void>;
}

const STOP_GRACE_MS = 5000;
/** After so long a first build tells that it goes on. */
const LONG_BUILD_MS = 2000;

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

async function portTaken(cause: unknown, { host, port }: DevOptions): Promise<unknown> {
  if (!(cause instanceof PlatformError) || cause.code !== "conflict") return cause;
  const [holder, free] = await Promise.all([portHolder(port), nextFreePort(host, port)]);
  const by = holder === undefined ? "another process" : `process ${holder.pid} (${holder.command})`;
  return new PlatformError("conflict", `port ${port} is taken by ${by}`, {
    cause,
    component: "dev",
    next: free === undefined ? "hanzo-fn dev --port 0" : `hanzo-fn dev --port ${free}`,
  });
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

/** Serves one function from its source. Rejects with `conflict` where the port is taken. */
export async function serveDev(options: DevOptions, show: Show, signal: AbortSignal): Promise<DevServer> {
  const { root, cache, host, debugPort } = options;
  const clock = systemClock;
  const byteCode = join(cache, "pycache");
  let settings: FunctionSettings | undefined;
  let notes = "";
  await mkdir(join(cache, "runtimes"), { recursive: true });
  const python = await findPython("python3", false);
  const settled = { python: python?.executable, forOthers: false };
  const runtimes = await installRuntimes(join(cache, "runtimes"), settled, signal);
  const launches = { ...runtimes.launches, python: withByteCode(runtimes.launches.python, byteCode) };
  const builder = await openBuilder(options, runtimes);
  const [place, scratch] = await Promise.all([makeRunPlace(), makeScratch(root)]);
  const services = await openServices(
    { place, folder: join(root, ".hanzo"), cache, models: options.models, env: options.env },
    {
      onPublished: ({ target, body }) => {
        const text = Buffer.from(body).toString("utf8");
        show({ event: "published", subject: target, message: text });
      },
      onProblem: ({ message }) =>
        show({ event: "note", text: `  note: keys of ctx.kv are not kept: ${message}` }),
    },
    clock,
  );
  const workers = createWorkers({ launches, place, clock });
  const debuggers = new Map<string, Promise<CodeDebugger>>();
  const debuggerOf = (runtime: string, launch: RuntimeLaunch): Promise<CodeDebugger> | undefined => {
    if (debugPort === undefined) return undefined;
    const known = debuggers.get(runtime) ?? createDebugger(runtime, launch, debugPort);
    debuggers.set(runtime, known);
    return known;
  };
  const route = (version: number): void =>
    front.route(settings?.manifest.name ?? basename(root), settings?.manifest, version);
  const onSettings = (next: FunctionSettings, version: number): void => {
    settings = next;
    route(version);
    const text = next.notes.join("\n");
    if (text !== notes) for (const note of next.notes) show({ event: "note", text: `  note: ${note}` });
    notes = text;
  };
  const watch: SourceWatch = createSourceWatch(
    {
      clock,
      onChange: (files) => {
        show({ event: "changed", files });
        route(watch.version);
        code.refresh();
      },
    },
    root,
  );
  const make = createMakeCode({
    root,
    builder,
    workers,
    launches,
    scratch,
    debuggerOf,
    onSettings,
    grant: (identity) => services.grant(identity),
    forgetCompiled: () => rm(join(byteCode, root), { recursive: true, force: true }),
    onLine: (line) => show({ event: "log", line }),
    onExit: (error) => show({ event: "exited", error }),
    clock,
  });
  const patience = setTimeout(() => {
    show({
      event: "note",
      text: "  building; what it depends on is made once and kept, later saves take less",
    });
  }, LONG_BUILD_MS).unref();
  const code: CurrentCode = createCurrentCode({
    watch,
    make,
    events: {
      onReady({ options: { function: name, revision } }, ms) {
        clearTimeout(patience);
        show({ event: "ready", function: name, revision, ms });
      },
      onFailed(error, ms) {
        clearTimeout(patience);
        show({ event: "failed", error, ms });
      },
    },
    clock,
  });
  const front: Front = createFront(
    {
      instances: code.instances,
      onArrival: () => void watch.look(),
      onRequest({ method, path, status, requestId }, ms, error) {
        const failure = error === "" ? {} : { error };
        show({ event: "request", method, path, status, ms, request_id: requestId, ...failure });
      },
      clock,
    },
    { host, port: options.port, debug: debugPort !== undefined },
  );
  route(watch.version);

  const close = async (): Promise<void> => {
    clearTimeout(patience);
    watch.close();
    await code.close();
    await Promise.all([workers.close(), builder.close()]);
    await rm(scratch, { recursive: true, force: true });
  };
  const last = { name: "place", start: () => Promise.resolve(), stop: () => place.remove() };
  const group = createGroup([
    last,
    services,
    { name: "code", start: () => Promise.resolve(), stop: close },
    {
      name: "front",
      start: (signal) => front.server.start(signal),
      stop: (graceMs) => front.server.stop(graceMs),
    },
  ]);
  await group.start(signal).catch(async (error: unknown) => {
    throw await portTaken(error, options);
  });
  code.refresh();
  const { port } = front.server.address();
  const shown = ["0.0.0.0", "127.0.0.1", "::1", "::"].includes(host) ? "localhost" : host;
  return {
    url: `http://${shown.includes(":") ? `[${shown}]` : shown}:${port}`,
    host,
    port,
    code,
    watch,
    get settings() {
      return settings;
    },
    stop: () => group.stop(STOP_GRACE_MS),
  };
}
