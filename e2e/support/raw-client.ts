import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { TestPlatform } from "./platform.ts";

/** A client that writes bytes, not requests, to :8061. */
export interface RawClient extends Disposable {
  readonly socket: Socket;
  /** What has come back so far. */
  text(): string;
  /** Resolves when the platform has closed the connection; fails after 10 s. */
  closed(): Promise<void>;
}

export async function rawClient(platform: TestPlatform): Promise<RawClient> {
  const { hostname, port } = new URL(platform.invoke);
  const socket = connect(Number(port), hostname);
  let text = "";
  socket.setEncoding("latin1").on("data", (piece: string) => (text += piece));
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  socket.on("error", () => {}).on("close", () => resolve());
  await once(socket, "connect");
  return {
    socket,
    text: () => text,
    async closed() {
      const timer = setTimeout(() => socket.destroy(new Error("the connection was left open")), 60_000);
      await closed;
      clearTimeout(timer);
      if (socket.errored?.message === "the connection was left open") throw socket.errored;
    },
    [Symbol.dispose]: () => void socket.destroy(),
  };
}

export interface RawAnswer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** Every answer in bytes that were read until the connection closed; those with a Content-Length, as errors are. */
export function answersOf(text: string): RawAnswer[] {
  const found: RawAnswer[] = [];
  let rest = text;
  while (rest !== "") {
    const end = rest.indexOf("\r\n\r\n");
    const head = end < 0 ? rest : rest.slice(0, end);
    const length = Number(/^content-length: (\d+)$/im.exec(head)?.[1] ?? 0);
    const body = end < 0 ? "" : rest.slice(end + 4, end + 4 + length);
    found.push({ status: Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1] ?? Number.NaN), head, body });
    rest = end < 0 ? "" : rest.slice(end + 4 + length);
  }
  return found;
}
