import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import { startFakeUpstream } from "../src/fake-upstream.ts";
import { functionRoutes, httpRoute, startProxy } from "./harness.ts";

const MIB = 1024 * 1024;
const TOTAL = 100 * MIB;
const PIECE = Buffer.alloc(64 * 1024, "x");
/** What sockets of proxy and test may hold; a tenth of the body would not fit twice. */
const HELD_AT_MOST = 16 * MIB;

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;
const slow = {
  revisions: [{ name: "f-00001", number: 1, runtime: "python", timeoutMs: 60_000, percent: 100 }],
};
const routes = functionRoutes([httpRoute("/f")], slow);

/** Bytes that are still needed by someone: buffers that wait in sockets are among them. */
function held(): number {
  collect();
  // Buffers of the first collection are freed beside it; a second one waits for that.
  collect();
  const { arrayBuffers, heapUsed } = process.memoryUsage();
  return arrayBuffers + heapUsed;
}

/** Writes `TOTAL` bytes in pieces as fast as the other side takes them; the most that was held meanwhile. */
async function pour(socket: Socket, piece: string | Buffer): Promise<number> {
  let peak = 0;
  for (let sent = 0; sent < TOTAL; sent += PIECE.length) {
    if (!socket.write(piece)) await once(socket, "drain");
    if (sent % (4 * MIB) === 0) peak = Math.max(peak, held());
  }
  return peak;
}

/** Reads `TOTAL` bytes, halting at every read so that everyone else fills what they can. */
async function sip(socket: Socket): Promise<void> {
  let received = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.on("data", (chunk) => {
    received += chunk.length;
    if (received >= TOTAL) resolve();
    socket.pause();
    setImmediate(() => socket.resume());
  });
  socket.resume();
  await promise;
}

it.each([
  ["a length", `Content-Length: ${TOTAL}`, PIECE],
  ["chunks", "Transfer-Encoding: chunked", `${PIECE.length.toString(16)}\r\n${PIECE.toString()}\r\n`],
])("streams 100 MiB with %s to a slow function without holding them", async (_name, framing, piece) => {
  await using upstream = await startFakeUpstream(() => undefined, { discard: true });
  await using proxy = await startProxy(upstream.address, [routes], { maxBodyBytes: TOTAL });
  const { socket } = await proxy.client();
  socket.write(`POST /f HTTP/1.1\r\nHost: h\r\n${framing}\r\n\r\n`);
  await upstream.request(1);
  const [instance] = upstream.sockets;
  const before = held();
  const [peak] = await Promise.all([pour(socket, piece), sip(instance as Socket)]);
  expect(peak - before).toBeLessThan(HELD_AT_MOST);
  socket.destroy();
});

it("halts a client altogether while the function does not read", async () => {
  await using upstream = await startFakeUpstream((socket) => void socket.pause(), { discard: true });
  await using proxy = await startProxy(upstream.address, [routes], { maxBodyBytes: TOTAL });
  const { socket } = await proxy.client();
  socket.write(`POST /f HTTP/1.1\r\nHost: h\r\nContent-Length: ${TOTAL}\r\n\r\n`);
  await upstream.request(1);
  const before = held();
  const poured = pour(socket, PIECE);
  // Nothing moves any more when two looks a while apart see the same number.
  let last = -1;
  while (last !== socket.bytesWritten - socket.writableLength) {
    last = socket.bytesWritten - socket.writableLength;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  expect(last).toBeLessThan(TOTAL / 2);
  expect(held() - before).toBeLessThan(HELD_AT_MOST);
  const [instance] = upstream.sockets;
  await Promise.all([poured, sip(instance as Socket)]);
  socket.destroy();
});

it("streams 100 MiB from the function to a slow client without holding them", async () => {
  const { promise: peak, resolve } = Promise.withResolvers<number>();
  await using upstream = await startFakeUpstream((socket) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${TOTAL}\r\n\r\n`);
    void pour(socket, PIECE).then(resolve);
  });
  await using proxy = await startProxy(upstream.address, [routes]);
  const before = held();
  const client = connect(proxy.port, "127.0.0.1");
  client.write("GET /f HTTP/1.1\r\nHost: h\r\n\r\n");
  await sip(client);
  expect((await peak) - before).toBeLessThan(HELD_AT_MOST);
  expect(await proxy.observer.recorded(1)).toMatchObject({ status: "success" });
  client.destroy();
});

it("echoes bodies of a megabyte unchanged", async () => {
  await using upstream = await startFakeUpstream((socket, request) => {
    let answered = false;
    const check = (): void => {
      if (answered || request.body.length < MIB) return;
      answered = true;
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${request.body.length}\r\n\r\n${request.body}`);
    };
    socket.on("data", () => setImmediate(check));
    check();
  });
  await using proxy = await startProxy(upstream.address, [functionRoutes([httpRoute("/f")])]);
  const client = await proxy.client();
  const body = Array.from({ length: MIB / 16 }, (_, i) => String(i).padStart(16, "-")).join("");
  for (let i = 0; i < 3; i++) {
    client.send(`POST /f HTTP/1.1\r\nHost: h\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    expect((await client.answer()).body === body).toBe(true);
  }
  client.socket.destroy();
});
