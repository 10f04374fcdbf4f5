import { CR, LF, SP, TAB } from "./chars.ts";
import { refuse, refuseMalformed, type Side } from "./refusal.ts";

/** Bounds on a message head. */
export interface HeadLimits {
  /** Bytes from the first byte of the message through the empty line. */
  readonly maxHeadBytes: number;
  readonly maxTargetBytes: number;
  /** Field lines. */
  readonly maxHeaders: number;
}

const END = Buffer.from("\r\n\r\n", "latin1");

function refuseForbidden(buffer: Uint8Array, from: number, end: number, side: Side): void {
  for (let at = from; at < end; at += 1) {
    const byte = buffer[at]!;
    if (byte >= SP || byte === TAB) continue;
    if (byte === LF) {
      if (at === 0 || buffer[at - 1] !== CR) refuseMalformed(side, "a bare LF");
    } else if (byte !== CR) {
      refuseMalformed(side, "a control character in the head");
    } else if (at + 1 < end && buffer[at + 1] !== LF) {
      refuseMalformed(side, "a bare CR");
    }
  }
}

/**
 * The offset just behind CR LF CR LF, or -1 while it has not arrived. A head that stays incomplete is looked
 * at only from `scannedTo` on, so a client that sends single bytes costs O(n); bytes that no head may hold are
 * refused as soon as they arrive instead of after the head timeout.
 */
export function findHeadEnd(
  buffer: Buffer,
  start: number,
  end: number,
  limits: HeadLimits,
  scannedTo: number,
  side: Side,
): number {
  const from = Math.max(start, scannedTo - 3);
  // Without the cut a search that finds nothing would run on through a buffer that is mostly unused.
  const found = (end === buffer.length ? buffer : buffer.subarray(0, end)).indexOf(END, from);
  const complete = found !== -1;
  const size = (complete ? found + 4 : end) - start;
  if (size > limits.maxHeadBytes) {
    refuse(side, side.headTooLarge, `the head is larger than ${limits.maxHeadBytes} bytes`);
  }
  if (complete) return found + 4;
  refuseForbidden(buffer, from, end, side);
  return -1;
}
