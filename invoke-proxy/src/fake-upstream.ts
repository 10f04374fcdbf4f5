import { createServer, type AddressInfo, type Socket } from "node:net";
import type { Address } from "@hanzo-fn/engine";

/** One request as it came in: head text, and what has come of the body so far. */
export interface SeenRequest {
  readonly head: string;
  /** Raw bytes behind the head. */
  body: string;
  /** Resolves when the connection is gone. */
  readonly closed: Promise<void>;
}

/** What a scripted instance does with a request once its head is there. */
export type Script = (socket: Socket, request: SeenRequest) => void;

export interface FakeUpstream extends AsyncDisposable {
  readonly address: Address;
  readonly requests: SeenRequest[];
  /** Connections ever accepted. */
  readonly accepted: number;
  /** Open connections. */
  readonly sockets: ReadonlySet<Socket>;
  script: Script;
  /** Resolves with the `n`th request (from 1). */
  request(n: number): Promise<SeenRequest>;
}

const HEAD_END = "\r\n\r\n";

/** A well-behaved answer with a length. */
export function respond(body: string, lines = ""): Script {
  return (socket) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${lines}\r\n${body}`);
  };
}

/** Writes exactly these bytes and leaves the connection open. */
export function raw(text: string): Script {
  return (socket) => void socket.write(text, "latin1");
}

/** Writes these bytes and ends the connection. */
export function rawThenEnd(text: string): Script {
  return (socket) => void socket.end(text, "latin1");
}

function isComplete({ head, body }: SeenRequest): boolean {
  if (/transfer-encoding/i.test(head)) return body.endsWith("0\r\n\r\n");
  return body.length >= Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
}

/**
 * An instance on a raw socket, for tests: it can do everything wrong. Bytes behind the head are kept in
 * `body`; with `discard` only those that came with the head are, and each connection carries one request.
 */
export async function startFakeUpstream(
  script: Script = respond("hello"),
  options: { readonly discard?: boolean; readonly path?: string } = {},
): Promise<FakeUpstream> {
  const requests: SeenRequest[] = [];
  const sockets = new Set<Socket>();
  const waiters: Array<{ n: number; resolve: (request: SeenRequest) => void }> = [];
  let accepted = 0;
  const server = createServer({ noDelay: true }, (socket) => {
    accepted++;
    sockets.add(socket);
    const { promise: closed, resolve: onClosed } = Promise.withResolvers<void>();
    let text = "";
    let current: SeenRequest | undefined;
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      sockets.delete(socket);
      onClosed();
    });
    socket.on("data", (chunk) => {
      const more = options.discard && current ? "" : chunk.toString("latin1");
      if (current && !isComplete(current)) {
        current.body += more;
        return;
      }
      text += more;
      const end = text.indexOf(HEAD_END);
      if (end === -1) return;
      current = { head: text.slice(0, end + 2), body: text.slice(end + 4), closed };
      text = "";
      requests.push(current);
      for (const waiter of waiters) if (waiter.n === requests.length) waiter.resolve(current);
      upstream.script(socket, current);
    });
  });
  await new Promise<void>((resolve) => {
    if (options.path === undefined) server.listen(0, "127.0.0.1", resolve);
    else server.listen(options.path, resolve);
  });
  const upstream: FakeUpstream = {
    address:
      options.path === undefined
        ? { kind: "tcp", host: "127.0.0.1", port: (server.address() as AddressInfo).port }
        : { kind: "unix", path: options.path },
    requests,
    get accepted() {
      return accepted;
    },
    sockets,
    script,
    request(n) {
      const known = requests[n - 1];
      if (known) return Promise.resolve(known);
      const { promise, resolve } = Promise.withResolvers<SeenRequest>();
      waiters.push({ n, resolve });
      return promise;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return upstream;
}
