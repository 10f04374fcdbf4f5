import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Handler } from "../context.ts";
import { http } from "../builtins.ts";
import { isDeclaredLonger, readBody } from "./body.ts";
import { Call, type Calls } from "./call.ts";
import { sendFailure } from "./failure.ts";
import { Gate } from "./gate.ts";
import { installResolver, LoadError, loadHandler } from "./loader.ts";
import { encodeJson, nowMs, random, ticks } from "./intrinsics.ts";
import { header, makeRequestId } from "./request-meta.ts";
import type { Scopes } from "./scope.ts";
import { servicesOf } from "./services.ts";
import { parseAssignment, type Assignment, type FunctionIdentity, type Settings } from "./settings.ts";
import type { ServerSocket } from "./websocket/connection.ts";
import { asksForWebSocket } from "./websocket/handshake.ts";
import { Upgrade } from "./websocket/upgrade.ts";

export type State = "generic" | "loading" | "ready" | "failed" | "draining";

export interface RuntimeDependencies {
  readonly scopes: Scopes;
  readonly process: Pick<NodeJS.Process, "chdir" | "env">;
}

/** Section 11 of the runtime contract; a longer one is answered with 431. */
const MAX_HEAD_BYTES = 64 * 1024;
const MAX_ORDER_BYTES = 16 * 1024 * 1024;
const AN_HOUR_MS = 3_600_000;

/** The server of one instance: generic until it is given code, then that function's until it ends. */
export class Runtime {
  readonly server: Server;
  readonly #dependencies: RuntimeDependencies;
  readonly #controlToken: string | undefined;
  readonly #maxBodyBytes: number;
  readonly #sockets = new Set<ServerSocket>();
  #state: State = "generic";
  #calls: Calls | undefined;
  #identity: FunctionIdentity | undefined;
  #running = 0;
  #bootMs = 0;
  #loadMs = 0;
  #answered = false;
  #idle: (() => void) | undefined;

  constructor(dependencies: RuntimeDependencies, settings: Pick<Settings, "controlToken" | "maxBodyBytes">) {
    this.#dependencies = dependencies;
    this.#controlToken = settings.controlToken;
    this.#maxBodyBytes = settings.maxBodyBytes;
    this.server = http.createServer(
      {
        maxHeaderSize: MAX_HEAD_BYTES,
        // The proxy before this server owns every limit on time; a call may take as long as its deadline says.
        requestTimeout: 0,
        headersTimeout: 0,
        keepAliveTimeout: 0,
        joinDuplicateHeaders: true,
        connectionsCheckingInterval: AN_HOUR_MS,
        // Before Node 22.21 and 24.9 every upgrade comes as one, whatever it is to.
        shouldUpgradeCallback: asksForWebSocket,
      },
      (request, response) => this.#serve(request, response),
    );
    this.server.maxHeadersCount = 0;
    this.server.on("listening", () => (this.#bootMs = ticks()));
    this.server.on("upgrade", (request, socket, head) => this.#upgraded(request, socket, head));
    this.server.on("checkContinue", (request: IncomingMessage, response: ServerResponse) => {
      if (!isDeclaredLonger(request, this.#bodyLimit())) response.writeContinue();
      this.#serve(request, response);
    });
  }

  get state(): State {
    return this.#state;
  }

  /** Loads the code once. Throws `LoadError`. */
  async specialise(assignment: Assignment): Promise<void> {
    const startedAt = ticks();
    this.#state = "loading";
    this.#identity = assignment;
    try {
      applyEnvironment(assignment, this.#dependencies.process.env);
      process.setSourceMapsEnabled(true);
      installResolver(assignment.paths);
      this.#enter(assignment.source);
      const handler = await loadHandler(assignment.source, assignment.entry);
      this.#calls = this.#callsOf(assignment, handler);
      this.#loadMs = ticks() - startedAt;
      this.#move("ready");
    } catch (error) {
      this.#move("failed");
      throw error;
    }
  }

  /** Takes no new connection; resolves when the running calls have been answered. */
  async drain(): Promise<void> {
    this.#state = "draining";
    this.server.close();
    if (this.#running > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
  }

  /** Closes every WebSocket with 1001: the drain time is over. */
  closeSockets(): void {
    for (const socket of this.#sockets) void socket.close(1001, "the instance ends");
  }

  #callsOf(assignment: Assignment, handler: Handler): Calls {
    return {
      identity: assignment,
      handler: handler as Calls["handler"],
      streamed: handler.length > 1,
      gate: new Gate(assignment.concurrency),
      scopes: this.#dependencies.scopes,
      timeoutMs: assignment.timeoutMs,
      maxBodyBytes: this.#maxBodyBytes,
      services: servicesOf(assignment),
      takeColdStart: () => this.#takeColdStart(),
      sockets: this.#sockets,
      ended: () => {
        this.#running -= 1;
        if (this.#running === 0) this.#idle?.();
      },
    };
  }

  #takeColdStart(): string | undefined {
    if (this.#answered) return undefined;
    this.#answered = true;
    return `boot=${this.#bootMs.toFixed(1)}, load=${this.#loadMs.toFixed(1)}`;
  }

  #bodyLimit(): number {
    return this.#calls?.streamed === true ? Infinity : this.#maxBodyBytes;
  }

  // A drain that began while the code was loading goes on.
  #move(state: State): void {
    if (this.#state === "loading") this.#state = state;
  }

  #enter(source: string): void {
    try {
      this.#dependencies.process.chdir(source);
    } catch (error) {
      throw new LoadError(
        "file_missing",
        `the source directory cannot be entered: ${(error as Error).message}`,
      );
    }
  }

  #upgraded(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const response = new http.ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket as Socket);
    this.#serve(request, response, new Upgrade(request, response, socket, head));
  }

  #serve(request: IncomingMessage, response: ServerResponse, upgrade?: Upgrade): void {
    if (this.#state === "draining") response.shouldKeepAlive = false;
    if (request.url?.startsWith("/.hanzo/") === true) {
      this.#control(request, response);
      return;
    }
    if (this.#state === "draining") {
      this.#refuse(request, response, "draining", "this instance is about to end and takes no more calls");
      return;
    }
    if (this.#calls === undefined) {
      this.#refuse(request, response, "not_ready", `the code of this instance is not loaded: ${this.#state}`);
      return;
    }
    this.#running += 1;
    void new Call(this.#calls, request, response, upgrade);
  }

  #refuse(
    request: IncomingMessage,
    response: ServerResponse,
    code: "not_ready" | "draining" | "not_found" | "bad_request",
    msg: string,
  ): void {
    request.resume();
    const requestId = header(request, "x-request-id") ?? makeRequestId(nowMs(), random);
    sendFailure(response, { code, msg, requestId, identity: this.#identity, headers: [] });
  }

  #control(request: IncomingMessage, response: ServerResponse): void {
    const path = (request.url ?? "").split("?", 1)[0] ?? "";
    const reading = request.method === "GET" || request.method === "HEAD";
    if (path === "/.hanzo/ping" && reading) {
      answer(response, 200, { state: this.#state });
    } else if (path === "/.hanzo/ready" && reading) {
      answer(response, this.#state === "ready" ? 200 : 503, { state: this.#state });
    } else if (path === "/.hanzo/specialise" && request.method === "POST") {
      readBody(request, MAX_ORDER_BYTES, {
        done: (body) => void this.#specialiseCall(request, response, body),
        tooLarge: () => this.#refuse(request, response, "bad_request", "the body is not that of specialise"),
      });
    } else {
      this.#refuse(request, response, "not_found", `the runtime has no ${request.method} ${path}`);
    }
  }

  async #specialiseCall(request: IncomingMessage, response: ServerResponse, body: Uint8Array): Promise<void> {
    if (!sameText(header(request, "x-hanzo-control") ?? "", this.#controlToken ?? "")) {
      return answer(response, 401, { error: "the control token does not fit" });
    }
    if (this.#state !== "generic") return answer(response, 409, { state: this.#state });
    const assignment = parseAssignment(parse(body));
    if (assignment === undefined) {
      return this.#refuse(request, response, "bad_request", "the body is not that of specialise");
    }
    try {
      await this.specialise(assignment);
      answer(response, 200, { load_ms: Number(this.#loadMs.toFixed(1)) });
    } catch (error) {
      const { kind, message, trace } = asLoadError(error);
      answer(response, 422, { error: { kind, message, trace } });
    }
  }
}

export function asLoadError(error: unknown): LoadError {
  return error instanceof LoadError ? error : new LoadError("import_error", String(error));
}

function applyEnvironment(assignment: Assignment, env: NodeJS.ProcessEnv): void {
  Object.assign(env, assignment.environment, {
    HANZO_FUNCTION: assignment.function,
    HANZO_REVISION: assignment.revision,
    HANZO_ORG: assignment.org,
    K_SERVICE: assignment.function,
    K_REVISION: assignment.revision,
    K_CONFIGURATION: assignment.function,
    ...(assignment.tmp === undefined ? {} : { TMPDIR: assignment.tmp }),
  });
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  const text = encodeJson(body);
  response.writeHead(status, [
    "Content-Type",
    "application/json",
    "Content-Length",
    String(Buffer.byteLength(text)),
  ]);
  response.end(text);
}

function parse(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString("utf8"));
  } catch {
    return undefined;
  }
}

/** Compares without telling by its duration how much of a guess fits; an empty secret fits nothing. */
function sameText(given: string, secret: string): boolean {
  let difference = given.length ^ secret.length;
  for (let i = 0; i < secret.length; i++) difference |= secret.charCodeAt(i) ^ given.charCodeAt(i);
  return secret !== "" && difference === 0;
}
