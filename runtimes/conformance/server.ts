import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type AddressInfo, type NetConnectOpts } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { call, type Answer, type Request } from "./client.ts";
import type { Language, Program } from "./languages.ts";
import { Lines } from "./lines.ts";

/** What servers in containers see too, at the same path. */
export const SHARED = join(tmpdir(), "hanzo-fn-conformance");
export const TOKEN = "token-of-the-platform";
const BOOT_LIMIT_MS = 60_000;
const BOOT_POLL_MS = 5;

export type Order = Readonly<Record<string, unknown>>;

export interface BootOptions {
  /** The folder below `fixtures/` that is copied as the function's source. */
  readonly fixture?: string;
  /** Boots specialised: single fields of the body of `specialise`, given as variables. Always so for compiled code. */
  readonly order?: Order;
  readonly env?: Readonly<Record<string, string>>;
  /** False starts it as a container would: with `/dev/null` as stdin. */
  readonly heldStdin?: boolean;
  /** Where it listens instead of its socket. */
  readonly port?: number;
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

  readonly #remove: (directory: string) => Promise<void>;

  private constructor(program: Program, directory: string, options: BootOptions, env: Env) {
    this.directory = directory;
    this.socket = join(directory, "s");
    this.source = join(directory, "source");
    this.#remove = program.remove ?? (() => Promise.resolve());
    this.child = spawn(program.command, program.args, {
      cwd: directory,
      env,
      // A container's stdin is a pipe of its runtime in any case, which ends where ours does.
      stdio: [options.heldStdin === false && program.wrap === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    });
    this.out = new Lines(this.child.stdout as Readable);
    this.err = new Lines(this.child.stderr as Readable);
    this.exited = once(this.child, "close").then(([code]) => code as number | null);
  }

  static async start(program: Program, directory: string, options: BootOptions): Promise<Server> {
    const source = join(directory, "source");
    const specialised = options.order === undefined ? {} : bootVariables(orderOf(directory, options.order));
    const env = {
      PATH: process.env["PATH"] ?? "",
      HANZO_FN_SOCKET: join(directory, "s"),
      HANZO_FN_CONTROL_TOKEN: TOKEN,
      ...specialised,
      ...resolveSource(options.env ?? {}, source),
    };
    const wrapped = { ...program, ...(await program.wrap?.(directory, env)) };
    return new Server(wrapped, directory, options, env);
  }

  call(request: Request = {}): Promise<Answer> {
    return call(this.socket, request);
  }

  /** Sends `specialise`; `order` overrides single fields of a good body. */
  specialise(order: Order = {}, token: string = TOKEN): Promise<Answer> {
    return this.call({
      method: "POST",
      path: "/.hanzo/specialise",
      headers: { "x-hanzo-control": token, "content-type": "application/json" },
      body: JSON.stringify(orderOf(this.directory, order)),
    });
  }

  async state(): Promise<string> {
    const { state } = (await this.call({ path: "/.hanzo/ping" })).json as { state: string };
    return state;
  }

  /** Resolves when the code of a specialised boot has loaded. */
  async loaded(): Promise<void> {
    const limit = performance.now() + BOOT_LIMIT_MS;
    while ((await this.call({ path: "/.hanzo/ready" })).status !== 200) {
      if (performance.now() > limit) throw new Error(`the code did not load: ${this.out.text()}`);
      await delay(BOOT_POLL_MS);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill("SIGKILL");
    await this.#remove(this.directory);
    await this.exited;
    await rm(this.directory, { recursive: true, force: true });
  }
}

type Env = Readonly<Record<string, string>>;

/** A good body of `specialise`, with single fields of another. */
function orderOf(directory: string, order: Order): Order {
  return {
    org: "acme",
    function: "embed",
    revision: "embed-00003",
    instance: "fn-embed-00003-local-x1y2z3",
    source: join(directory, "source"),
    entry: "handler.handle",
    paths: [],
    environment: { MODEL: "small" },
    concurrency: 10,
    timeout_ms: 20_000,
    tmp: directory,
    ...order,
  };
}

function resolveSource(env: Readonly<Record<string, string>>, source: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).map(([name, value]) => [name, value === "<source>" ? source : value]),
  );
}

const VARIABLES: ReadonlyArray<readonly [field: string, variable: string]> = [
  ["source", "HANZO_FN_SOURCE"],
  ["entry", "HANZO_FN_ENTRY"],
  ["org", "HANZO_FN_ORG"],
  ["function", "HANZO_FN_FUNCTION"],
  ["revision", "HANZO_FN_REVISION"],
  ["instance", "HANZO_FN_INSTANCE"],
  ["concurrency", "HANZO_FN_CONCURRENCY"],
  ["timeout_ms", "HANZO_FN_TIMEOUT_MS"],
  ["models", "HANZO_FN_MODELS"],
  ["tmp", "TMPDIR"],
];

/** The variables that say in a specialised boot what `order` says in a call. */
function bootVariables(order: Order): Record<string, string> {
  const given = VARIABLES.filter(([field]) => order[field] !== undefined).map(([field, variable]) => [
    variable,
    String(order[field]),
  ]);
  const gateway = order["gateway"] as { url: string; token: string } | undefined;
  return {
    ...Object.fromEntries(given),
    ...(order["environment"] as Record<string, string>),
    ...(gateway === undefined
      ? {}
      : { HANZO_FN_GATEWAY: gateway.url, HANZO_FN_GATEWAY_TOKEN: gateway.token }),
  };
}

/** Starts a server and waits until it listens. */
export async function boot(language: Language, options: BootOptions = {}): Promise<Server> {
  const program = await language.program(options.fixture);
  const directory = await mkdtemp(join(tmpdir(), "hzfn-"));
  const source = join(directory, "source");
  if (options.fixture === undefined) await mkdir(source);
  else await cp(fixturePath(options.fixture, language), source, { recursive: true });
  const server = await Server.start(program, directory, options);
  const ended = server.exited.then((code) => {
    if (options.mayEnd === true) return;
    throw new Error(`the server ended with ${code} before it listened: ${server.err.text()}`);
  });
  try {
    const place = options.port === undefined ? { path: server.socket } : { port: options.port };
    await Promise.race([listens(place), ended]);
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
  order: Order = {},
  env: Readonly<Record<string, string>> = {},
): Promise<Server> {
  if (language.compiled) return boot(language, { fixture, order, env });
  const server = await boot(language, { fixture, env });
  const answer = await server.specialise(order);
  if (answer.status === 200) return server;
  await server[Symbol.asyncDispose]();
  throw new Error(`the fixture ${fixture} did not load: ${answer.text}`);
}

/** The folder of a fixture in one language. Throws where that language has none. */
export function fixturePath(fixture: string, language: Pick<Language, "name">): string {
  const folder = fileURLToPath(new URL(`./fixtures/${fixture}/${language.name}`, import.meta.url));
  if (existsSync(folder)) return folder;
  throw new Error(
    `the fixture ${fixture} is not written in ${language.name}: fixtures/${fixture}/${language.name}`,
  );
}

/** Resolves when the server takes a connection. */
async function listens(place: NetConnectOpts): Promise<void> {
  const limit = performance.now() + BOOT_LIMIT_MS;
  while (!(await accepts(place))) {
    if (performance.now() > limit) throw new Error("the server did not listen in time");
    await delay(BOOT_POLL_MS);
  }
}

function accepts(place: NetConnectOpts): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(place);
    socket.on("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}

/** A TCP port of the loopback that nobody listens on now. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  return port;
}
