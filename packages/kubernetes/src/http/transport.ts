import http, { type IncomingMessage } from "node:http";
import https from "node:https";
import type { ClusterAccess } from "../access/access.ts";

export interface WireRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer | undefined;
  readonly signal: AbortSignal;
  /** Cut when no byte moves for this long in either direction. */
  readonly silenceMs: number;
  /** A watch or a log: not among the connections that requests wait for. */
  readonly stream: boolean;
}

export interface Transport {
  /** The head of the answer; its body is to be read to the end or destroyed. */
  open(request: WireRequest): Promise<IncomingMessage>;
  close(): void;
}

/** Below the 90 s after which Go's servers close an idle connection, so that they do not close one that is just taken. */
const IDLE_MS = 60_000;
const KEEP_ALIVE = { keepAlive: true, keepAliveMsecs: 15_000, timeout: IDLE_MS, scheduling: "lifo" } as const;

/** HTTP/1.1 over connections that are kept. */
export function createTransport(access: ClusterAccess, maxConnections: number): Transport {
  const { server, ca, serverName, skipTlsVerify } = access;
  const module = server.protocol === "https:" ? https : http;
  const trust = {
    ...(ca === undefined ? {} : { ca }),
    ...(serverName === undefined ? {} : { servername: serverName }),
    ...(skipTlsVerify ? { rejectUnauthorized: false } : {}),
  };
  const requests = new module.Agent({ ...KEEP_ALIVE, ...trust, maxSockets: maxConnections });
  const streams = new module.Agent({ ...KEEP_ALIVE, ...trust });
  const prefix = server.pathname.replace(/\/$/, "");

  return {
    async open(request) {
      const { method, body, signal, silenceMs } = request;
      const { authorization, cert, key } = await access.credentials.current(signal);
      signal.throwIfAborted();
      const agent = request.stream ? streams : requests;
      const headers = {
        ...access.headers,
        ...request.headers,
        ...(authorization === undefined ? {} : { authorization: authorization.reveal() }),
        ...(body === undefined ? {} : { "content-length": body.length }),
      };
      // The agent keeps connections of different certificates apart.
      const identity = cert === undefined ? {} : { cert, key: key?.reveal() };
      return new Promise((resolve, reject) => {
        const options = { ...trust, ...identity, agent, method, headers, signal, timeout: silenceMs };
        const outgoing = module.request(new URL(prefix + request.path, server), options);
        let answer: IncomingMessage | undefined;
        outgoing.on("timeout", () => {
          // Bytes that lie there unread are the reader's delay, not the server's.
          if (answer && answer.readableLength > 0) return outgoing.socket?.setTimeout(silenceMs);
          closeIdle(agent);
          return (answer ?? outgoing).destroy(silent(silenceMs));
        });
        // Not once: a connection may fail again after its answer has begun, when the body's reader is told.
        outgoing.on("error", reject);
        outgoing.once("response", (response) => {
          answer = response;
          resolve(response);
        });
        outgoing.end(body);
      });
    },
    close() {
      requests.destroy();
      streams.destroy();
    },
  };
}

function silent(silenceMs: number): Error {
  return Object.assign(new Error(`no byte within ${silenceMs / 1000} s`), { code: "ESILENT" });
}

/** What is idle may be as dead as the one that was found out: the same path lies between. */
function closeIdle(agent: http.Agent): void {
  for (const socket of Object.values(agent.freeSockets).flat()) socket?.destroy();
}
