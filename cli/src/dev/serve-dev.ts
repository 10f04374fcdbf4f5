import { mkdir, readdir, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { createInPlaceBuilder } from "@hanzo-fn/builder";
import { createGroup, systemClock } from "@hanzo-fn/lifecycle";
import { installRuntimes } from "../serve/runtimes.ts";
import { createCurrentCode, type CurrentCode } from "./current-code.ts";
import { createFront } from "./front.ts";
import type { FunctionSettings } from "./function-settings.ts";
import { createMakeCode } from "./make-code.ts";
import { makeRunPlace } from "./run-place.ts";
import type { Show } from "./show.ts";
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
  readonly models: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface DevServer {
  readonly url: string;
  readonly port: number;
  readonly code: CurrentCode;
  readonly watch: SourceWatch;
  /** As read last; undefined where it was never valid. */
  readonly settings: FunctionSettings | undefined;
  stop(): Promise<void>;
}

const STOP_GRACE_MS = 5000;

/** A directory of this process for builds; those of processes that are gone are removed. */
async function makeScratch(root: string): Promise<string> {
  const parent = join(root, ".hanzo", "dev");
  await mkdir(parent, { recursive: true });
  for (const name of await readdir(parent)) {
    if (!isAlive(Number(name))) await rm(join(parent, name), { recursive: true, force: true });
  }
  const scratch = join(parent, String(process.pid));
  await mkdir(scratch, { recursive: true });
  return scratch;
}

function isAlive(pid: number): boolean {
  try {
    return Number.isInteger(pid) && pid !== process.pid && process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Serves one function from its source. Rejects with `conflict` where the port is taken. */
export async function serveDev(options: DevOptions, show: Show, signal: AbortSignal): Promise<DevServer> {
  const { root, cache, env } = options;
  const clock = systemClock;
  let settings: FunctionSettings | undefined;
  let notes = "";
  await mkdir(join(cache, "runtimes"), { recursive: true });
  const runtimes = await installRuntimes(join(cache, "runtimes"), {}, signal);
  const builder = await createInPlaceBuilder({
    layersRoot: join(cache, "layers"),
    runtimes: {
      ...(runtimes.python === undefined ? {} : { python: { command: [runtimes.python.executable] } }),
      node: { command: [runtimes.node] },
    },
    hostEnvironment: env,
  });
  const [place, scratch] = await Promise.all([makeRunPlace(), makeScratch(root)]);
  const workers = createWorkers({ launches: runtimes.launches, place, clock });
  const watch: SourceWatch = createSourceWatch(
    {
      clock,
      onChange: (files) => {
        show({ event: "changed", files });
        front.route(settings?.manifest.name ?? basename(root), settings?.manifest, watch.version);
        code.refresh();
      },
    },
    root,
  );
  const onSettings = (next: FunctionSettings, version: number): void => {
    settings = next;
    front.route(next.manifest.name, next.manifest, version);
    const text = next.notes.join("\n");
    if (text !== notes) for (const note of next.notes) show({ event: "note", text: `  note: ${note}` });
    notes = text;
  };
  const make = createMakeCode({
    root,
    builder,
    workers,
    launches: runtimes.launches,
    scratch,
    models: options.models,
    onSettings,
    onLine: (line) => show({ event: "log", line }),
    onExit: (error) => show({ event: "exited", error }),
    clock,
  });
  const code: CurrentCode = createCurrentCode({
    watch,
    make,
    events: {
      onReady: (instance, ms) => {
        const { function: name, revision } = instance.options;
        show({ event: "ready", function: name, revision, ms });
      },
      onFailed: (error, ms) => show({ event: "failed", error, ms }),
    },
    clock,
  });
  const front = createFront(
    {
      instances: code.instances,
      onArrival: () => void watch.look(),
      onRequest: (entry, ms, error) => {
        const { method, path, status, requestId } = entry;
        const request = {
          method,
          path,
          status,
          ms,
          request_id: requestId,
          ...(error === "" ? {} : { error }),
        };
        show({ event: "request", ...request });
      },
      clock,
    },
    { host: options.host, port: options.port, debug: false },
  );
  front.route(basename(root), undefined, watch.version);

  const close = async (): Promise<void> => {
    watch.close();
    await code.close();
    await Promise.all([workers.close(), builder.close()]);
    await rm(scratch, { recursive: true, force: true });
    await place.remove();
  };
  const group = createGroup([
    { name: "code", start: () => Promise.resolve(), stop: close },
    {
      name: "front",
      start: (signal) => front.server.start(signal),
      stop: (graceMs) => front.server.stop(graceMs),
    },
  ]);
  try {
    await group.start(signal);
  } catch (error) {
    await close();
    throw error;
  }
  code.refresh();
  const { port } = front.server.address();
  const host = options.host === "0.0.0.0" || options.host === "127.0.0.1" ? "localhost" : options.host;
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${port}`,
    port,
    code,
    watch,
    get settings() {
      return settings;
    },
    stop: () => group.stop(STOP_GRACE_MS),
  };
}
