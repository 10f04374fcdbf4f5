import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { call, type Answer, type Request } from "./client.ts";
import type { Language } from "./languages.ts";
import { Lines } from "./lines.ts";

export const TOKEN = "token-of-the-platform";
const BOOT_LIMIT_MS = 15_000;
const BOOT_POLL_MS = 5;

export interface BootOptions {
  /** The folder below `fixtures/` that is copied as the function's source. */
  readonly fixture?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** False starts it as a container would: with `/dev/null` as stdin. */
  readonly heldStdin?: boolean;
  /** It is meant to end by itself, perhaps before anybody sees it listen. */
  readonly mayEnd?: boolean;
}

/** A real server process of one language. */
export class Server implements AsyncDisposable {
  readonly directory: string;
  readonly socket: string;
  readonly source: string;
  readonly child: ChildProcess;
  readonly out: Lines;
  readonly err: Lines;
  readonly exited: Promise<number | null>;

  constructor(language: Language, directory: string, options: BootOptions) {
    this.directory = directory;
    this.socket = join(directory, "s");
    this.source = join(directory, "source");
    const env = {
      PATH: process.env["PATH"] ?? "",
      HANZO_FN_SOCKET: this.socket,
      HANZO_FN_CONTROL_TOKEN: TOKEN,
    };
    this.child = spawn(language.command, language.args, {
      cwd: directory,
      env: { ...env, ...resolveSource(options.env ?? {}, this.source) },
      stdio: [options.heldStdin === false ? "ignore" : "pipe", "pipe", "pipe"],
    });
    this.out = new Lines(this.child.stdout as Readable);
    this.err = new Lines(this.child.stderr as Readable);
    this.exited = once(this.child, "close").then(([code]) => code as number | null);
  }

  call(request: Request = {}): Promise<Answer> {
    return call(this.socket, request);
  }

  /** Sends `specialise`; `order` overrides single fields of a good body. */
  specialise(order: Readonly<Record<string, unknown>> = {}, token: string = TOKEN): Promise<Answer> {
    const body = {
      org: "acme",
      function: "embed",
      revision: "embed-00003",
      instance: "fn-embed-00003-local-x1y2z3",
      source: this.source,
      entry: "handler.handle",
      paths: [],
      environment: { MODEL: "small" },
      concurrency: 10,
      timeout_ms: 20_000,
      tmp: this.directory,
      ...order,
    };
    return this.call({
      method: "POST",
      path: "/.hanzo/specialise",
      headers: { "x-hanzo-control": token, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  }

  async state(): Promise<string> {
    const { state } = (await this.call({ path: "/.hanzo/ping" })).json as { state: string };
    return state;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill("SIGKILL");
    await this.exited;
    await rm(this.directory, { recursive: true, force: true });
  }
}

function resolveSource(env: Readonly<Record<string, string>>, source: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).map(([name, value]) => [name, value === "<source>" ? source : value]),
  );
}

/** Starts a server and waits until it listens. */
export async function boot(language: Language, options: BootOptions = {}): Promise<Server> {
  const directory = await mkdtemp(join(tmpdir(), "hzfn-"));
  const source = join(directory, "source");
  if (options.fixture === undefined) await mkdir(source);
  else await cp(fixturePath(options.fixture, language), source, { recursive: true });
  const server = new Server(language, directory, options);
  const ended = server.exited.then((code) => {
    if (options.mayEnd === true) return;
    throw new Error(`the server ended with ${code} before it listened: ${server.err.text()}`);
  });
  try {
    await Promise.race([listens(server.socket), ended]);
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
  return server;
}

/** A booted server with the fixture's `handler.handle` loaded. */
export async function ready(
  language: Language,
  fixture: string,
  order: Readonly<Record<string, unknown>> = {},
): Promise<Server> {
  const server = await boot(language, { fixture });
  const answer = await server.specialise(order);
  if (answer.status === 200) return server;
  await server[Symbol.asyncDispose]();
  throw new Error(`the fixture ${fixture} did not load: ${answer.text}`);
}

export function fixturePath(fixture: string, language: Language): string {
  return fileURLToPath(new URL(`./fixtures/${fixture}/${language.name}`, import.meta.url));
}

/** Resolves when the socket takes a connection. */
async function listens(socketPath: string): Promise<void> {
  const limit = performance.now() + BOOT_LIMIT_MS;
  while (!(await accepts(socketPath))) {
    if (performance.now() > limit) throw new Error("the server did not listen in time");
    await delay(BOOT_POLL_MS);
  }
}

function accepts(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    socket.on("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}
