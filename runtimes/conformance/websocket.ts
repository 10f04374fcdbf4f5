import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

const LIMIT_MS = 30_000;
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

export const OP = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface Frame {
  readonly final: boolean;
  readonly op: number;
  readonly payload: Buffer;
}

/** One frame as a client sends it (RFC 6455, section 5.2); `masked: false` is a violation on purpose. */
export function encodeFrame(
  op: number,
  payload: string | Uint8Array,
  { final = true, masked = true, reserved = 0 } = {},
): Buffer {
  const data = Buffer.from(payload as string);
  const mask = masked ? randomBytes(4) : Buffer.alloc(0);
  const head = Buffer.alloc(data.length < 126 ? 2 : data.length < 65_536 ? 4 : 10);
  head[0] = (final ? 0x80 : 0) | (reserved << 4) | op;
  head[1] = (masked ? 0x80 : 0) | (data.length < 126 ? data.length : data.length < 65_536 ? 126 : 127);
  if (head.length === 4) head.writeUInt16BE(data.length, 2);
  if (head.length === 10) head.writeBigUInt64BE(BigInt(data.length), 2);
  if (masked) for (let i = 0; i < data.length; i++) data[i] = (data[i] ?? 0) ^ (mask[i % 4] ?? 0);
  return Buffer.concat([head, mask, data]);
}

export function closePayload(code: number, reason = ""): Buffer {
  const payload = Buffer.alloc(2 + Buffer.byteLength(reason));
  payload.writeUInt16BE(code);
  payload.write(reason, 2);
  return payload;
}

/** A client that sees every frame and may send wrong ones. */
export class RawSocket {
  readonly socket: Socket;
  #received = Buffer.alloc(0);
  #closed = false;
  #changed: () => void = () => undefined;

  constructor(path: string) {
    this.socket = connect(path);
    this.socket.on("data", (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#changed();
    });
    this.socket.on("error", () => undefined);
    this.socket.on("close", () => {
      this.#closed = true;
      this.#changed();
    });
  }

  /** Sends the handshake; the head of the answer, checked to accept where it is a 101. */
  async handshake(path: string, headers: Readonly<Record<string, string>> = {}): Promise<string> {
    const key = randomBytes(16).toString("base64");
    const fields = {
      Host: "f",
      Upgrade: "websocket",
      Connection: "Upgrade",
      "Sec-WebSocket-Version": "13",
      "Sec-WebSocket-Key": key,
      ...headers,
    };
    const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
    this.socket.write(`GET ${path} HTTP/1.1\r\n${lines.join("")}\r\n`);
    const end = await this.#when("the head", () => {
      const at = this.#received.indexOf("\r\n\r\n");
      return at === -1 ? undefined : at + 4;
    });
    const head = this.#take(end).toString("latin1");
    if (!head.startsWith("HTTP/1.1 101")) return head;
    const accept = createHash("sha1").update(`${key}${GUID}`).digest("base64");
    if (!head.toLowerCase().includes(`sec-websocket-accept: ${accept.toLowerCase()}\r\n`))
      throw new Error(`the handshake does not fit the key: ${head}`);
    return head;
  }

  send(op: number, payload: string | Uint8Array, options: Parameters<typeof encodeFrame>[2] = {}): void {
    this.socket.write(encodeFrame(op, payload, options));
  }

  /** The next frame. */
  async frame(): Promise<Frame> {
    const size = await this.#when("a frame", () => frameSize(this.#received));
    return decode(this.#take(size));
  }

  /** Reads until the close frame, which it answers with the same code; undefined where the connection just ends. */
  async closed(): Promise<{ code: number; reason: string } | undefined> {
    for (;;) {
      const frame = await this.frame().catch(() => undefined);
      if (frame === undefined) return undefined;
      if (frame.op !== OP.close) continue;
      this.send(OP.close, frame.payload.subarray(0, 2));
      await this.#when("the end", () => (this.#closed ? 0 : undefined));
      return {
        code: frame.payload.length >= 2 ? frame.payload.readUInt16BE() : 1005,
        reason: frame.payload.toString("utf8", 2),
      };
    }
  }

  destroy(): void {
    this.socket.destroy();
  }

  #take(size: number): Buffer {
    const taken = this.#received.subarray(0, size);
    this.#received = this.#received.subarray(size);
    return taken;
  }

  async #when(what: string, there: () => number | undefined): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const timer = setTimeout(() => reject(new Error(`${what} did not come`)), LIMIT_MS);
    this.#changed = () => {
      const found = there();
      if (found !== undefined) resolve(found);
      else if (this.#closed) reject(new Error(`closed before ${what}`));
    };
    this.#changed();
    return promise.finally(() => clearTimeout(timer));
  }
}

/** How many bytes the first frame has, once all of it is there. A server masks nothing. */
function frameSize(bytes: Buffer): number | undefined {
  if (bytes.length < 2) return undefined;
  const short = (bytes[1] ?? 0) & 0x7f;
  const head = short < 126 ? 2 : short === 126 ? 4 : 10;
  if (bytes.length < head) return undefined;
  const size =
    head + (short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2)));
  return bytes.length < size ? undefined : size;
}

function decode(bytes: Buffer): Frame {
  const short = (bytes[1] ?? 0) & 0x7f;
  if (((bytes[1] ?? 0) & 0x80) !== 0) throw new Error("a server must not mask its frames");
  const first = bytes[0] ?? 0;
  const head = short < 126 ? 2 : short === 126 ? 4 : 10;
  return { final: (first & 0x80) !== 0, op: first & 0x0f, payload: Buffer.from(bytes.subarray(head)) };
}

/** A TCP door to a server on a Unix socket, for clients that know no other. */
export async function tcpDoor(path: string): Promise<{ port: number } & AsyncDisposable> {
  const door = createServer((client) => {
    const server = connect(path);
    client.pipe(server).pipe(client);
    client.on("error", () => server.destroy());
    server.on("error", () => client.destroy());
  }).listen(0, "127.0.0.1");
  await once(door, "listening");
  const { port } = door.address() as AddressInfo;
  return {
    port,
    [Symbol.asyncDispose]: async () => {
      door.close();
      await Promise.resolve();
    },
  };
}
