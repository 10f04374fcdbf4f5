import {
  request as httpRequest,
  type Agent,
  type ClientRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
} from "node:http";
import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

export interface Request {
  readonly method?: string | undefined;
  readonly path?: string | undefined;
  readonly headers?: Readonly<Record<string, string | string[]>> | undefined;
  readonly body?: string | Uint8Array | undefined;
  readonly agent?: Agent | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly raw: readonly string[];
  readonly bytes: Buffer;
  readonly text: string;
  /** The parsed body; undefined where it is no JSON. */
  readonly json: unknown;
}

const LIMIT_MS = 60_000;
const QUIET_MS = 300;

/** Sends a request; resolves with its answer as soon as the head is there. */
export function open(socketPath: string, request: Request): Promise<IncomingMessage> {
  const { body, method, path = "/", headers = {}, agent, signal } = request;
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(
      {
        socketPath,
        method: method ?? (body === undefined ? "GET" : "POST"),
        path,
        headers:
          body === undefined
            ? { ...headers }
            : { "content-length": String(Buffer.byteLength(body)), ...headers },
        ...(agent === undefined ? {} : { agent }),
        signal:
          signal === undefined
            ? AbortSignal.timeout(LIMIT_MS)
            : AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]),
      },
      resolve,
    );
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

/** A call whose body the test writes to `outgoing`, piece by piece, while it reads the answer. */
export function openStream(
  socketPath: string,
  path: string,
): { readonly outgoing: ClientRequest; readonly answer: Promise<IncomingMessage> } {
  const outgoing = httpRequest({
    socketPath,
    method: "POST",
    path,
    signal: AbortSignal.timeout(LIMIT_MS),
  });
  const answer = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.on("response", resolve).on("error", reject);
  });
  return { outgoing, answer };
}

/** Sends a request and reads the whole answer; rejects where the connection is cut before its end. */
export async function call(socketPath: string, request: Request): Promise<Answer> {
  const incoming = await open(socketPath, request);
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const bytes = Buffer.concat(chunks);
  const text = bytes.toString("utf8");
  return {
    status: incoming.statusCode ?? 0,
    headers: incoming.headers,
    raw: incoming.rawHeaders,
    bytes,
    text,
    json: parse(text),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The bytes that have left this process once the other side takes no more for a while. */
export async function takenUntilStalled(socket: Socket): Promise<number> {
  let taken = -1;
  for (;;) {
    const now = socket.bytesWritten - socket.writableLength;
    if (now === taken) return now;
    taken = now;
    await delay(QUIET_MS);
  }
}

/** A connection on which a test writes the bytes itself. */
export class Wire {
  readonly socket: Socket;
  #received = "";
  #closed = false;
  #changed: () => void = () => undefined;

  constructor(to: string | { readonly port: number; readonly host: string }) {
    this.socket = typeof to === "string" ? connect(to) : connect(to);
    this.socket.setEncoding("latin1");
    this.socket.on("data", (chunk: string) => {
      this.#received += chunk;
      this.#changed();
    });
    this.socket.on("error", () => undefined);
    this.socket.on("close", () => {
      this.#closed = true;
      this.#changed();
    });
  }

  send(text: string): void {
    this.socket.write(text, "latin1");
  }

  /** Everything received so far, once it satisfies `enough`. */
  async until(what: string, enough: (received: string) => boolean): Promise<string> {
    await this.#wait(what, () => enough(this.#received));
    return this.#received;
  }

  /** Everything received, once the other side has closed. */
  async untilClosed(): Promise<string> {
    await this.#wait("the end of the connection", () => this.#closed);
    return this.#received;
  }

  close(): void {
    this.socket.destroy();
  }

  async #wait(what: string, done: () => boolean): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(
      () => reject(new Error(`${what} did not come; received: ${this.#received}`)),
      LIMIT_MS,
    );
    this.#changed = () =>
      done()
        ? resolve()
        : this.#closed
          ? reject(new Error(`closed before ${what}: ${this.#received}`))
          : undefined;
    this.#changed();
    await promise.finally(() => clearTimeout(timer));
  }
}
