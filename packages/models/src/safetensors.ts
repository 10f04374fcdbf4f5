import { open } from "node:fs/promises";
import { PlatformError } from "@hanzo-fn/contract";

/** Where one tensor lies in its file. */
export interface TensorInfo {
  /** `F32`, `F16`, `BF16`, `I64` and others. */
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Bytes from the start of the file. */
  readonly offset: number;
  readonly length: number;
}

export interface Safetensors {
  /** File name without its folder. */
  readonly file: string;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
}

const MAX_HEADER_BYTES = 100 * 1024 * 1024;
const BYTES: Readonly<Record<string, number>> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  U8: 1,
  BOOL: 1,
};

/**
 * The header of a safetensors file: eight bytes of length (little endian), that much JSON, then the data.
 * Throws `bad_request` where it is none. Source: the format's description in huggingface/safetensors.
 */
export async function readSafetensors(path: string, file: string): Promise<Safetensors> {
  const handle = await open(path);
  try {
    const { size } = await handle.stat();
    const prefix = Buffer.alloc(8);
    const { bytesRead } = await handle.read(prefix, 0, 8, 0);
    const headerBytes = bytesRead === 8 ? prefix.readBigUInt64LE() : 0n;
    if (headerBytes < 2n || headerBytes > MAX_HEADER_BYTES || Number(headerBytes) + 8 > size) {
      throw broken(file, "its header has no plausible length");
    }
    const header = Buffer.alloc(Number(headerBytes));
    await handle.read(header, 0, header.length, 8);
    return { file, tensors: parseHeader(header.toString("utf8"), { file, size, start: 8 + header.length }) };
  } finally {
    await handle.close();
  }
}

interface Place {
  readonly file: string;
  readonly size: number;
  /** Where the data begin. */
  readonly start: number;
}

function parseHeader(text: string, place: Place): Map<string, TensorInfo> {
  let header: Record<string, { dtype?: unknown; shape?: unknown; data_offsets?: unknown }>;
  try {
    header = JSON.parse(text) as typeof header;
  } catch {
    throw broken(place.file, "its header is no JSON");
  }
  const tensors = new Map<string, TensorInfo>();
  for (const [name, entry] of Object.entries(header)) {
    if (name !== "__metadata__") tensors.set(name, tensorInfo(name, entry, place));
  }
  return tensors;
}

function tensorInfo(
  name: string,
  entry: { readonly dtype?: unknown; readonly shape?: unknown; readonly data_offsets?: unknown },
  place: Place,
): TensorInfo {
  const { dtype, shape, data_offsets: offsets } = entry;
  if (typeof dtype !== "string" || !isSizes(shape) || !isSizes(offsets) || offsets.length !== 2) {
    throw broken(place.file, `the entry of ${name} is malformed`);
  }
  const [begin, end] = offsets as [number, number];
  const length = end - begin;
  const width = BYTES[dtype];
  const expected = width === undefined ? length : shape.reduce((product, size) => product * size, width);
  if (length < 0 || length !== expected || place.start + end > place.size) {
    throw broken(place.file, `the bytes of ${name} are not where its header says`);
  }
  return { dtype, shape, offset: place.start + begin, length };
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && (size as number) >= 0);
}

function broken(file: string, why: string): PlatformError {
  return new PlatformError("bad_request", `${file} is not a whole safetensors file: ${why}`, {
    component: "models",
  });
}
