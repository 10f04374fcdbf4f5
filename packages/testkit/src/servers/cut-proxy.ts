import { once } from "node:events";
import { type AddressInfo, connect, createServer, type NetConnectOpts, type Socket } from "node:net";

/** A TCP proxy that can fall silent without closing anything, as a lost route does, or become slow. */
export interface CutProxy extends AsyncDisposable {
  readonly port: number;
  /** From now on nothing passes, and nobody is told. */
  silence(): void;
  /** What comes from now on takes so many milliseconds longer, each way; until `restore`. */
  slow(ms: number): void;
  /** New connections pass again, at once; the old ones stay dead. */
  restore(): void;
}

/** @param to a port of 127.0.0.1, or an address */
export async function startCutProxy(to: number | NetConnectOpts): Promise<CutProxy> {
  const sockets = new Set<Socket>();
  let silent = false;
  let delayMs = 0;
  /** Writes what was read, later and in its order where the proxy is slow. */
  const pass = (from: Socket, into: Socket): void => {
    let waiting = 0;
    from.on("data", (chunk) => {
      if (silent) return;
      if (delayMs === 0 && waiting === 0) return void into.write(chunk);
      waiting += 1;
      // Timers of one length ring in the order in which they were set.
      setTimeout(() => {
        waiting -= 1;
        if (!silent && into.writable) into.write(chunk);
      }, delayMs);
    });
    from.on("error", () => {});
    from.on("close", () => {
      sockets.delete(from);
      if (!silent) into.destroy();
    });
  };
  const server = createServer((near) => {
    const far = connect(typeof to === "number" ? { port: to, host: "127.0.0.1" } : to);
    sockets.add(near).add(far);
    pass(near, far);
    pass(far, near);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const end = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    silence() {
      silent = true;
    },
    slow(ms) {
      delayMs = ms;
    },
    restore() {
      end();
      silent = false;
      delayMs = 0;
    },
    async [Symbol.asyncDispose]() {
      end();
      server.close();
      await once(server, "close");
    },
  };
}
