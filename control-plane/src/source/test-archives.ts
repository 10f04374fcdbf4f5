import { crc32, deflateRawSync, gzipSync } from "node:zlib";

/** Archives made by hand, so that they may lie. Used by tests only. */

export interface RawTarEntry {
  readonly name: string | Buffer;
  readonly content?: string | Buffer;
  readonly type?: string;
  readonly link?: string;
  readonly mode?: number;
  /** Claimed size, where it differs from the content's. */
  readonly size?: number;
}

function octal(value: number, bytes: number): string {
  return `${value.toString(8).padStart(bytes - 1, "0")}\0`;
}

export function tarEntry({
  name,
  content = "",
  type = "0",
  link = "",
  mode = 0o644,
  size,
}: RawTarEntry): Buffer {
  const body = Buffer.from(content);
  const head = Buffer.alloc(512);
  Buffer.from(name).copy(head, 0, 0, 100);
  head.write(octal(mode, 8), 100);
  head.write(octal(0, 8), 108);
  head.write(octal(0, 8), 116);
  head.write(octal(size ?? body.length, 12), 124);
  head.write(octal(0, 12), 136);
  head.write("        ", 148);
  head.write(type, 156);
  head.write(link, 157);
  head.write("ustar\u000000", 257);
  head.write(
    `${octal(
      head.reduce((sum, byte) => sum + byte, 0),
      7,
    )} `,
    148,
  );
  return Buffer.concat([head, body, Buffer.alloc((512 - (body.length % 512)) % 512)]);
}

export function tar(...entries: readonly RawTarEntry[]): Buffer {
  return Buffer.concat([...entries.map(tarEntry), Buffer.alloc(1024)]);
}

export function tarGz(...entries: readonly RawTarEntry[]): Buffer {
  return gzipSync(tar(...entries));
}

export interface RawZipEntry {
  readonly name: string | Buffer;
  readonly content?: string | Buffer;
  readonly unixMode?: number;
  readonly flags?: number;
  readonly method?: number;
  /** Claimed uncompressed size, where it differs from the content's. */
  readonly size?: number;
  readonly crc?: number;
}

export function zip(...entries: readonly RawZipEntry[]): Buffer {
  const locals: Buffer[] = [];
  const centrals: Buffer[] = [];
  let offset = 0;
  for (const entry of entries) {
    const name = Buffer.from(entry.name);
    const content = Buffer.from(entry.content ?? "");
    const method = entry.method ?? 8;
    const data = method === 8 ? deflateRawSync(content) : content;
    const shared = Buffer.alloc(26);
    shared.writeUInt16LE(20, 0);
    shared.writeUInt16LE(entry.flags ?? 0x800, 2);
    shared.writeUInt16LE(method, 4);
    shared.writeUInt32LE(entry.crc ?? crc32(content), 10);
    shared.writeUInt32LE(data.length, 14);
    shared.writeUInt32LE(entry.size ?? content.length, 18);
    shared.writeUInt16LE(name.length, 22);
    const local = Buffer.concat([Buffer.from("PK\x03\x04", "latin1"), shared, name, data]);
    const central = Buffer.alloc(16);
    central.writeUInt32LE(((entry.unixMode ?? 0o100644) << 16) >>> 0, 8);
    central.writeUInt32LE(offset, 12);
    const head = Buffer.from("PK\x01\x02\x14\x03", "latin1");
    centrals.push(Buffer.concat([head, shared, central.subarray(2), name]));
    locals.push(local);
    offset += local.length;
  }
  const directory = Buffer.concat(centrals);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06", 0, "latin1");
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, directory, end]);
}

/** The bytes in pieces, as a socket would give them. */
export async function* inPieces(bytes: Uint8Array, size = 1000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
