/**
 * How many bytes of an upload have arrived, from the header `Range: 0-<last>`. `0-0` is what docker-registry says of an upload without any byte.
 * Undefined where the header says nothing that can be used.
 */
export function bytesArrived(range: string | undefined): number | undefined {
  const last = /^(?:bytes=)?0-(\d{1,15})$/.exec(range?.trim() ?? "")?.[1];
  if (last === undefined) return undefined;
  return last === "0" ? 0 : Number(last) + 1;
}

/** One chunk of an upload. `end` is not in it. */
export interface Chunk {
  readonly start: number;
  readonly end: number;
  /** The header `Content-Range`, as the distribution specification writes it: without unit, both ends in it. */
  readonly contentRange: string;
}

export function nextChunk(offset: number, size: number, chunkBytes: number): Chunk {
  const end = Math.min(offset + chunkBytes, size);
  return { start: offset, end, contentRange: `${offset}-${end - 1}` };
}
