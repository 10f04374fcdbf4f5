import type { Clock } from "@hanzo-fn/lifecycle";
import type { InstanceLine, LogLimits } from "./instance.ts";
import { createTokenBucket } from "./token-bucket.ts";

/** How often a flood is told of. */
const REPORT_MS = 1000;

export interface FloodGate {
  /** False: the line is beyond the limits, and is dropped and counted. */
  admits(bytes: number): boolean;
  /** Says what was dropped and not yet told. */
  close(): void;
}

/** Lets as much of an instance's log through as its limits say, and says in the log what was left out. */
export function createFloodGate(
  onLine: (line: InstanceLine) => void,
  { clock, limits }: { readonly clock: Clock; readonly limits: LogLimits },
): FloodGate {
  const lines = createTokenBucket(limits.linesPerSecond, limits.lineBurst);
  const bytes = createTokenBucket(limits.bytesPerSecond, limits.byteBurst);
  let dropped = 0;
  let reportAt = 0;

  const report = (): void => {
    if (dropped === 0) return;
    const msg = `${dropped} lines dropped: this instance logs faster than the platform takes`;
    onLine({ tsMs: clock.now(), level: "warn", msg, stream: "platform", fields: { dropped } });
    dropped = 0;
  };
  return {
    admits(size) {
      const now = clock.monotonic();
      if (!lines.take(1, now) || !bytes.take(size, now)) {
        if (dropped++ === 0) reportAt = now + REPORT_MS;
        else if (now >= reportAt) report();
        return false;
      }
      report();
      return true;
    },
    close: report,
  };
}
