import { spawn, type ChildProcessByStdio } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chownSync, mkdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { callControl } from "./control.ts";
import {
  BootTimeoutError,
  InstanceGoneError,
  type ExitInfo,
  type InstanceProcess,
  type InstanceSpec,
  type MemoryGroup,
  type SpecialiseBody,
  type SpecialiseResult,
} from "./instance.ts";
import { recordProcess } from "./ledger.ts";
import { isListening } from "./listening.ts";
import { DEFAULT_LOG_LIMITS, readOutput, type Output } from "./output.ts";
import { processTree, processesOf, residentBytes, signalProcess } from "./processes.ts";

/** sockaddr_un holds 108 bytes with its final zero. */
const MAX_SOCKET_PATH_BYTES = 107;
const BOOT_POLL_MS = 5;
/** Compiled code listens within milliseconds, and a look costs a failed connect. */
const LISTEN_POLL_MS = 1;
/** How long output is awaited after the exit; a descendant that escaped may hold the pipe open. */
const OUTPUT_GRACE_MS = 250;

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

interface Places {
  readonly dir: string;
  readonly socket: string;
  readonly tmp: string;
}

function makePlaces(spec: InstanceSpec): Places {
  const dir = join(spec.socketDir, spec.id);
  const socket = join(dir, "s");
  if (Buffer.byteLength(socket) > MAX_SOCKET_PATH_BYTES) {
    throw new RangeError(`the path ${socket} is too long for a Unix socket: choose a shorter run directory`);
  }
  const tmp = join(dir, "tmp");
  for (const path of [dir, tmp]) {
    mkdirSync(path, { mode: 0o700 });
    if (spec.uid !== undefined) chownSync(path, spec.uid, spec.uid);
  }
  return { dir, socket, tmp };
}

/** The whole environment of the process; the platform's own never reaches it. */
function environment(spec: InstanceSpec, places: Places, token: string): Record<string, string> {
  return {
    PATH: "/usr/local/bin:/usr/bin:/bin",
    LANG: "C.UTF-8",
    HOME: places.tmp,
    TMPDIR: places.tmp,
    ...spec.env,
    HANZO_FN_SOCKET: places.socket,
    HANZO_FN_CONTROL_TOKEN: token,
    HANZO_FN_DRAIN_MS: String(spec.drainMs),
  };
}

function launch(spec: InstanceSpec, places: Places, token: string): Child {
  const [command, ...args] = [...(spec.prefix ?? []), spec.command, ...spec.args];
  return spawn(command as string, args, {
    cwd: places.tmp,
    env: environment(spec, places, token),
    // A session and a group of its own, so that one signal reaches every descendant.
    detached: true,
    stdio: ["pipe", "pipe", "pipe"],
    ...(spec.uid === undefined ? {} : { uid: spec.uid, gid: spec.uid }),
  });
}

function spawned(child: Child): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once("spawn", () => resolve(child.pid as number));
    child.once("error", reject);
  });
}

class RuntimeProcess implements InstanceProcess {
  readonly id: string;
  readonly pid: number;
  readonly address: { readonly kind: "unix"; readonly path: string };
  readonly uid: number | undefined;
  readonly exited: Promise<ExitInfo>;
  bootMs = 0;
  alive = true;
  readonly #spec: InstanceSpec;
  readonly #places: Places;
  readonly #token: string;
  readonly #memory: MemoryGroup;
  readonly #output: Output;
  readonly #forget: () => void;
  /** Aborts when the process has ended. */
  readonly #gone = new AbortController();
  #byPlatform = false;

  constructor(
    spec: InstanceSpec,
    parts: { places: Places; token: string; child: Child; pid: number; memory: MemoryGroup },
  ) {
    this.id = spec.id;
    this.pid = parts.pid;
    this.uid = spec.uid;
    this.address = { kind: "unix", path: parts.places.socket };
    this.#spec = spec;
    this.#places = parts.places;
    this.#token = parts.token;
    this.#memory = parts.memory;
    this.#output = readOutput(parts.child, spec.onLine, {
      clock: spec.clock,
      limits: spec.logLimits ?? DEFAULT_LOG_LIMITS,
    });
    this.#forget = recordProcess(spec.ledgerDir, { pid: parts.pid, uid: spec.uid, dir: parts.places.dir });
    // The platform never writes to stdin; a process that closes it is none of its business.
    parts.child.stdin.on("error", () => undefined);
    this.exited = this.#watch(parts.child);
  }

  async #watch(child: Child): Promise<ExitInfo> {
    const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
    const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) =>
      child.once("exit", (code, signal) => resolve([code, signal])),
    );
    this.alive = false;
    const byPlatform = this.#byPlatform;
    const outOfMemory = signal === "SIGKILL" && this.#memory.hit();
    this.#killAll();
    await Promise.race([closed, this.#spec.clock.sleep(OUTPUT_GRACE_MS)]);
    for (const stream of [child.stdout, child.stderr, child.stdin]) stream.destroy();
    this.#output.close();
    const info = {
      code,
      signal,
      outOfMemory,
      byPlatform: byPlatform && !outOfMemory,
      logTail: this.#output.tail(),
    };
    this.#gone.abort(new InstanceGoneError("the instance has ended", info));
    await this.#cleanUp();
    return info;
  }

  async #cleanUp(): Promise<void> {
    this.#forget();
    await this.#memory.close().catch(() => undefined);
    // What cannot be removed now (a mount, an immutable file) is left to the sweep of the next start.
    await rm(this.#places.dir, { recursive: true, force: true, maxRetries: 2 }).catch(() => undefined);
  }

  #killAll(): void {
    signalProcess(-this.pid, "SIGKILL");
    for (const pid of this.#memory.pids()) signalProcess(pid, "SIGKILL");
    // The uid is this instance's alone: what left the group by setsid is found by it.
    if (this.uid !== undefined) for (const pid of processesOf(this.uid)) signalProcess(pid, "SIGKILL");
  }

  async specialise(body: SpecialiseBody, signal: AbortSignal): Promise<SpecialiseResult> {
    const { timeoutMs, ...rest } = body;
    const answer = await callControl(
      this.#places.socket,
      {
        method: "POST",
        path: "/.hanzo/specialise",
        headers: { "x-hanzo-control": this.#token },
        body: JSON.stringify({ ...rest, timeout_ms: timeoutMs, tmp: this.#places.tmp }),
      },
      AbortSignal.any([signal, this.#gone.signal]),
    ).catch((error: unknown) => this.#orGone(error));
    return readSpecialiseAnswer(answer.status, answer.body);
  }

  /** A connection breaks a moment before the exit is known: the exit is the better answer. */
  async #orGone(error: unknown): Promise<never> {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ECONNRESET" || code === "ECONNREFUSED" || code === "EPIPE" || code === "ENOENT") {
      const exit = await Promise.race([this.exited, this.#spec.clock.sleep(1000)]);
      if (exit) throw new InstanceGoneError("the instance ended while it loaded the code", exit);
    }
    throw error;
  }

  async ping(timeoutMs: number): Promise<boolean> {
    if (this.#gone.signal.aborted) return false;
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), timeoutMs);
    try {
      const answer = await callControl(
        this.#places.socket,
        { method: "GET", path: "/.hanzo/ping" },
        AbortSignal.any([stop.signal, this.#gone.signal]),
      );
      return answer.status === 200;
    } catch {
      return false;
    } finally {
      clearTimeout(timer);
    }
  }

  listens(): Promise<boolean> {
    return isListening(this.#places.socket);
  }

  async stop(graceMs: number): Promise<ExitInfo> {
    this.#byPlatform = true;
    if (graceMs > 0) signalProcess(this.pid, "SIGTERM");
    const done = new AbortController();
    const timer = this.#spec.clock.sleep(graceMs, done.signal).then(
      () => this.#killAll(),
      () => undefined,
    );
    const exit = await this.exited;
    done.abort();
    await timer;
    return exit;
  }

  kill(): Promise<ExitInfo> {
    this.#byPlatform = true;
    this.#killAll();
    return this.exited;
  }

  /** The watch on resident size found too much. */
  endForMemory(): void {
    this.#killAll();
  }

  limitMemory(bytes: number): void {
    this.#memory.limit(bytes);
  }

  memoryBytes(): number {
    return residentBytes(processTree(this.pid));
  }

  logTail(): readonly string[] {
    return this.#output.tail();
  }

  async waitUntilUp(signal: AbortSignal): Promise<void> {
    const { clock, bootTimeoutMs, upWhen } = this.#spec;
    const listens = upWhen === "listening";
    const isUp = listens ? () => this.listens() : () => this.ping(bootTimeoutMs);
    const pollMs = listens ? LISTEN_POLL_MS : BOOT_POLL_MS;
    const started = clock.monotonic();
    const until = AbortSignal.any([signal, this.#gone.signal]);
    while (!(await isUp())) {
      until.throwIfAborted();
      if (clock.monotonic() - started > bootTimeoutMs) {
        throw new BootTimeoutError(bootTimeoutMs, await this.kill());
      }
      await clock.sleep(pollMs, until);
    }
    this.bootMs = clock.monotonic() - started;
  }
}

function readSpecialiseAnswer(status: number, body: string): SpecialiseResult {
  let value: { load_ms?: number; error?: { kind?: string; message?: string; trace?: string } } = {};
  try {
    value = JSON.parse(body) as typeof value;
  } catch {
    // Judged by its status below.
  }
  if (status === 200) return { ok: true, loadMs: value.load_ms ?? 0 };
  if (status === 422) {
    const { kind = "import_error", message = "the code did not load", trace = "" } = value.error ?? {};
    return { ok: false, kind, message, trace };
  }
  throw new Error(`the runtime answered specialise with ${status}`);
}

/**
 * Starts a runtime process and waits until it is up. Rejects with the signal's reason, with `InstanceGoneError` where
 * the process ended instead, with `BootTimeoutError`, or with the error of the spawn; nothing is left then.
 */
export async function startInstance(spec: InstanceSpec, signal: AbortSignal): Promise<InstanceProcess> {
  signal.throwIfAborted();
  const places = makePlaces(spec);
  let instance: RuntimeProcess | undefined;
  let pid: number | undefined;
  const memory = spec.memory.open(spec.id, () => instance?.endForMemory());
  const token = randomBytes(24).toString("base64url");
  try {
    if (spec.memoryBytes !== undefined) memory.limit(spec.memoryBytes);
    const child = launch(spec, places, token);
    pid = await spawned(child);
    memory.adopt(pid);
    instance = new RuntimeProcess(spec, { places, token, child, pid, memory });
  } catch (error) {
    if (pid !== undefined) signalProcess(-pid, "SIGKILL");
    await memory.close();
    await rm(places.dir, { recursive: true, force: true });
    throw error;
  }
  try {
    await instance.waitUntilUp(signal);
    return instance;
  } catch (error) {
    await instance.kill();
    throw error;
  }
}
