import { PassThrough } from "node:stream";
import { crc32, deflateRawSync } from "node:zlib";
import { type Header, pack } from "tar-stream";

/** A tar, uncompressed, with these entries as they are, however bad. */
export async function tarOf(
  ...entries: readonly (readonly [
    Partial<Header> & { readonly name: string },
    content?: string | Uint8Array,
  ])[]
): Promise<Buffer> {
  const tar = pack();
  for (const [header, content] of entries) tar.entry(header, Buffer.from(content ?? ""));
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar.pipe(new PassThrough())) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** The head of one tar entry that claims this many bytes; what follows is the caller's. */
export async function tarHead(name: string, claimedBytes: number): Promise<Buffer> {
  const head = (await tarOf([{ name }])).subarray(0, 512);
  head.write(`${claimedBytes.toString(8).padStart(11, "0")}\0`, 124, "latin1");
  head.fill(" ", 148, 156);
  const sum = head.reduce((total, byte) => total + byte, 0);
  head.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return head;
}

export interface ZipEntry {
  readonly name: string;
  readonly content: string;
  /** Bytes that the entry claims to unpack to; by default what it does unpack to. */
  readonly claimedBytes?: number;
}

/** The sizes of an entry that claims more than 32 bits hold (ZIP64's extra field), or nothing. */
function zip64(claimed: number, packed: number): Buffer {
  if (claimed < 0xffff_ffff) return Buffer.alloc(0);
  const extra = Buffer.alloc(20);
  extra.writeUInt16LE(1, 0);
  extra.writeUInt16LE(16, 2);
  extra.writeBigUInt64LE(BigInt(claimed), 4);
  extra.writeBigUInt64LE(BigInt(packed), 12);
  return extra;
}

function zipEntry(entry: ZipEntry, offset: number): { local: Buffer; central: Buffer } {
  const name = Buffer.from(entry.name);
  const data = deflateRawSync(entry.content);
  const claimed = entry.claimedBytes ?? Buffer.byteLength(entry.content);
  const extra = zip64(claimed, data.length);
  const shared = Buffer.alloc(26);
  shared.writeUInt16LE(extra.length > 0 ? 45 : 20, 0);
  shared.writeUInt16LE(8, 4);
  shared.writeUInt32LE(crc32(entry.content), 10);
  shared.writeUInt32LE(extra.length > 0 ? 0xffff_ffff : data.length, 14);
  shared.writeUInt32LE(extra.length > 0 ? 0xffff_ffff : claimed, 18);
  shared.writeUInt16LE(name.length, 22);
  shared.writeUInt16LE(extra.length, 24);
  const tail = Buffer.alloc(14);
  tail.writeUInt32LE((0o100644 << 16) >>> 0, 6);
  tail.writeUInt32LE(offset, 10);
  return {
    local: Buffer.concat([Buffer.from("PK\x03\x04"), shared, name, extra, data]),
    central: Buffer.concat([Buffer.from("PK\x01\x02\x2d\x03"), shared, tail, name, extra]),
  };
}

/** A zip whose entries may lie about their names and sizes. */
export function zipOf(...entries: readonly ZipEntry[]): Buffer {
  const locals: Buffer[] = [];
  const centrals: Buffer[] = [];
  let offset = 0;
  for (const entry of entries) {
    const { local, central } = zipEntry(entry, offset);
    locals.push(local);
    centrals.push(central);
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
