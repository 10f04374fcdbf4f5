const NEWLINE = 10;

export interface LineSplitter {
  push(chunk: Buffer): void;
  /** Hands on what is left without a newline. */
  end(): void;
}

/**
 * Cuts a byte stream into lines. A line longer than `maxBytes` is handed on once, cut, with `cut` true; the
 * rest of it is skipped. Holds at most `maxBytes`.
 */
export function createLineSplitter(
  maxBytes: number,
  onLine: (line: string, cut: boolean, bytes: number) => void,
): LineSplitter {
  let held: Buffer[] = [];
  let heldBytes = 0;
  let skipping = false;
  const flush = (cut: boolean): void => {
    const line = held.length === 1 ? (held[0] as Buffer) : Buffer.concat(held, heldBytes);
    held = [];
    heldBytes = 0;
    onLine(line.toString("utf8"), cut, line.length);
  };
  const hold = (part: Buffer): void => {
    if (skipping || part.length === 0) return;
    const room = maxBytes - heldBytes;
    // A copy: a held slice would keep the whole chunk alive.
    held.push(Buffer.from(part.subarray(0, room)));
    heldBytes += Math.min(part.length, room);
    if (part.length <= room) return;
    flush(true);
    skipping = true;
  };
  return {
    push(chunk) {
      let start = 0;
      for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, start)) {
        const part = chunk.subarray(start, at);
        if (heldBytes === 0 && !skipping && part.length <= maxBytes)
          onLine(part.toString("utf8"), false, part.length);
        else {
          hold(part);
          if (!skipping) flush(false);
        }
        skipping = false;
        start = at + 1;
      }
      hold(chunk.subarray(start));
    },
    end() {
      if (heldBytes > 0) flush(false);
      skipping = false;
    },
  };
}
