import { once } from "node:events";
import { chmod } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";

export const GATEWAY_TOKEN = "token-of-the-instance";

/** One request that reached the gateway, whole. */
export interface Seen {
  readonly method: string;
  /** Path and query as sent. */
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
  /** The parsed body; undefined where it is no JSON. */
  readonly json: unknown;
  /** Counts connections from 0. */
  readonly connection: number;
}

/** What the fake answers: a status and JSON, or anything by its own hand. */
export type Play =
  | { readonly status?: number; readonly json: unknown }
  | ((seen: Seen, response: ServerResponse, socket: Socket) => void);

/** Stands in for the platform's gateway: records what a server says and answers by the script of a test. */
export class FakeGateway implements AsyncDisposable {
  readonly seen: Seen[] = [];
  /** Asked for every request; undefined answers 200 `{"value": null}`. */
  play: (seen: Seen) => Play | undefined = () => undefined;
  /** The connections that are open now. */
  readonly connections = new Set<Socket>();
  readonly #server = createServer((request, response) => void this.#serve(request, response));
  readonly #numbers = new WeakMap<Socket, number>();
  #count = 0;

  constructor() {
    this.#server.on("connection", (socket: Socket) => {
      this.#numbers.set(socket, this.#count++);
      this.connections.add(socket);
      socket.on("close", () => this.connections.delete(socket));
    });
  }

  /** Listens on a Unix socket, or on a free port of the loopback; the URL that a server is given. */
  async listen(socketPath?: string): Promise<string> {
    if (socketPath === undefined) this.#server.listen(0, "127.0.0.1");
    else this.#server.listen(socketPath);
    await once(this.#server, "listening");
    if (socketPath !== undefined) {
      // A server in a container is another user.
      await chmod(socketPath, 0o666);
      return `unix:${socketPath}`;
    }
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The bodies of the kv commands so far, then forgets all that it has seen. */
  commands(): unknown[] {
    const bodies = this.seen.map(({ json }) => json);
    this.seen.length = 0;
    return bodies;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await Promise.resolve();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer);
    } catch {
      return;
    }
    const body = Buffer.concat(chunks);
    const seen: Seen = {
      method: request.method ?? "",
      url: request.url ?? "",
      headers: request.headers,
      body,
      json: parse(body),
      connection: this.#numbers.get(request.socket) ?? -1,
    };
    this.seen.push(seen);
    const play = this.play(seen) ?? { json: { value: null } };
    if (typeof play === "function") return play(seen, response, request.socket);
    response.writeHead(play.status ?? 200, { "content-type": "application/json" });
    response.end(JSON.stringify(play.json));
  }
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    return undefined;
  }
}
