import { basename } from "node:path";
import { PlatformError } from "@hanzo-fn/contract";
import type { RuntimeLaunch } from "@hanzo-fn/engine";
import { createGroup, systemClock } from "@hanzo-fn/lifecycle";
import { createCurrentCode, type CurrentCode } from "./current-code.ts";
import { type CodeDebugger, createDebugger } from "./debugger.ts";
import { createFront, type Front } from "./front.ts";
import { type FunctionSettings, readSettings } from "./function-settings.ts";
import { type Machine, openMachine } from "./machine.ts";
import { createMakeCode } from "./make-code.ts";
import type { DevOptions } from "./options.ts";
import { nextFreePort, portHolder } from "./port-holder.ts";
import type { ServicesEvents } from "./services.ts";
import type { Show } from "./show.ts";
import { createSourceWatch, type SourceWatch } from "./source-watch.ts";

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

function servicesEvents(show: Show): ServicesEvents {
  return {
    onPublished({ target, body }) {
      show({ event: "published", subject: target, message: Buffer.from(body).toString("utf8") });
    },
    onProblem({ message }) {
      show({ event: "note", text: `  note: keys of ctx.kv are not kept: ${message}` });
    },
  };
}

/** A debugger per runtime, made when it is first asked for; undefined where none is wanted. */
function createDebuggers(port: number | undefined) {
  const made = new Map<string, Promise<CodeDebugger>>();
  return (runtime: string, launch: RuntimeLaunch): Promise<CodeDebugger> | undefined => {
    if (port === undefined) return undefined;
    const known = made.get(runtime) ?? createDebugger(runtime, launch, port);
    made.set(runtime, known);
    return known;
  };
}

/** Tells once that a first build goes on; gives back what keeps it from telling. */
function tellOfLongBuild(show: Show): () => void {
  const text = "  building; what it depends on is made once and kept, later saves take less";
  const timer = setTimeout(() => show({ event: "note", text }), LONG_BUILD_MS).unref();
  return () => clearTimeout(timer);
}

function urlOf(host: string, port: number): string {
  const shown = ["0.0.0.0", "127.0.0.1", "::1", "::"].includes(host) ? "localhost" : host;
  return `http://${shown.includes(":") ? `[${shown}]` : shown}:${port}`;
}

interface Session {
  readonly code: CurrentCode;
  readonly watch: SourceWatch;
  readonly front: Front;
  readonly settings: () => FunctionSettings | undefined;
  close(): Promise<void>;
}

/** The watch, the code and the wire before it, each of which knows the others. */
function openSession(
  options: DevOptions,
  machine: Machine,
  first: FunctionSettings | undefined,
  show: Show,
): Session {
  const { root, host, debugPort } = options;
  const clock = systemClock;
  const stopTelling = tellOfLongBuild(show);
  let settings = first;
  let notes = "";
  const route = (version: number): void =>
    front.route(settings?.manifest.name ?? basename(root), settings?.manifest, version);
  const onSettings = (next: FunctionSettings, version: number): void => {
    settings = next;
    route(version);
    const text = next.notes.join("\n");
    if (text !== notes) for (const note of next.notes) show({ event: "note", text: `  note: ${note}` });
    notes = text;
  };
  const onChange = (files: readonly string[]): void => {
    show({ event: "changed", files });
    route(watch.version);
    code.refresh();
  };
  const watch: SourceWatch = createSourceWatch({ clock, onChange }, root);
  const make = createMakeCode({
    ...machine,
    root,
    debuggerOf: createDebuggers(debugPort),
    onSettings,
    grant: (identity) => machine.services.grant(identity),
    onLine: (line) => show({ event: "log", line }),
    onExit: (error) => show({ event: "exited", error }),
    clock,
  });
  const events = {
    onReady(
      { options: { function: name, revision } }: { options: { function: string; revision: string } },
      ms: number,
    ) {
      stopTelling();
      show({ event: "ready", function: name, revision, ms });
    },
    onFailed(error: PlatformError, ms: number) {
      stopTelling();
      show({ event: "failed", error, ms });
    },
  };
  const code: CurrentCode = createCurrentCode({ watch, make, events, clock });
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
  return {
    code,
    watch,
    front,
    settings: () => settings,
    async close() {
      stopTelling();
      watch.close();
      await code.close();
    },
  };
}

/** Serves one function from its source. Rejects with `conflict` where the port is taken. */
export async function serveDev(options: DevOptions, show: Show, signal: AbortSignal): Promise<DevServer> {
  const machine = await openMachine(options, servicesEvents(show), systemClock, signal);
  // The first request is routed before any code was made: by the manifest's name and paths, too. What is wrong with
  // the manifest is told when the code is made.
  const first = await readSettings(options.root).catch(() => undefined);
  const { code, watch, front, settings, close } = openSession(options, machine, first, show);
  const nothing = (): Promise<void> => Promise.resolve();
  // Stopped from the last to the first: calls end before the code does, and the code before its services.
  const group = createGroup([
    { name: "place", start: nothing, stop: () => machine.place.remove() },
    { name: "machine", start: nothing, stop: () => machine.close() },
    machine.services,
    { name: "code", start: nothing, stop: close },
    front.server,
  ]);
  await group.start(signal).catch(async (error: unknown) => {
    throw await portTaken(error, options);
  });
  code.refresh();
  const { port } = front.server.address();
  return {
    url: urlOf(options.host, port),
    host: options.host,
    port,
    code,
    watch,
    get settings() {
      return settings();
    },
    stop: () => group.stop(STOP_GRACE_MS),
  };
}
