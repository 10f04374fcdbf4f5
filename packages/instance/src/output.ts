import type { Readable } from "node:stream";
import type { Clock } from "@hanzo-fn/lifecycle";
import type { InstanceLine, LogLimits } from "./instance.ts";
import { createLineSplitter } from "./lines.ts";
import { createFloodGate } from "./flood-gate.ts";
import { MAX_LINE_BYTES, parseLogLine } from "./log-line.ts";

const TAIL_LINES = 20;
const TAIL_LINE_CHARACTERS = 1000;
/** How long a writer beyond its reading rate waits. */
const SLICE_MS = 50;

export const DEFAULT_LOG_LIMITS: LogLimits = {
  linesPerSecond: 1000,
  lineBurst: 5000,
  bytesPerSecond: 1024 * 1024,
  byteBurst: 4 * 1024 * 1024,
  readBytesPerSecond: 64 * 1024 * 1024,
};

export interface Output {
  /** The last lines, oldest first. */
  tail(): readonly string[];
  /** Says what was dropped and not yet told; called after both streams have ended. */
  close(): void;
}

/**
 * Reads stdout and stderr of one instance. Memory is bounded by one line per stream, and the platform's CPU by
 * the reading rate: lines beyond the limits are dropped and counted, and a writer beyond the reading rate
 * blocks on its own pipe.
 */
export function readOutput(
  streams: { readonly stdout: Readable; readonly stderr: Readable },
  onLine: (line: InstanceLine) => void,
  { clock, limits }: { readonly clock: Clock; readonly limits: LogLimits },
): Output {
  const gate = createFloodGate(onLine, { clock, limits });
  const tail: string[] = [];

  const remember = (msg: string): void => {
    tail.push(msg.length > TAIL_LINE_CHARACTERS ? `${msg.slice(0, TAIL_LINE_CHARACTERS)} …` : msg);
    if (tail.length > TAIL_LINES) tail.shift();
  };
  const splitter = (from: "stdout" | "stderr") =>
    createLineSplitter(MAX_LINE_BYTES, (text, cut, size) => {
      if (!gate.admits(size)) return;
      const line = parseLogLine(text, from, cut, clock.now());
      remember(line.msg);
      onLine(line);
    });

  let sliceEnd = 0;
  let sliceBytes = 0;
  const sliceLimit = (limits.readBytesPerSecond * SLICE_MS) / 1000;
  const throttle = (stream: Readable, size: number): void => {
    const now = clock.monotonic();
    if (now >= sliceEnd) {
      sliceEnd = now + SLICE_MS;
      sliceBytes = 0;
    }
    sliceBytes += size;
    if (sliceBytes < sliceLimit) return;
    stream.pause();
    void clock.sleep(Math.max(1, sliceEnd - now)).then(() => stream.resume());
  };
  for (const from of ["stdout", "stderr"] as const) {
    const stream = streams[from];
    const split = splitter(from);
    stream.on("data", (chunk: Buffer) => {
      split.push(chunk);
      throttle(stream, chunk.length);
    });
    stream.on("end", () => split.end());
    // A broken pipe ends the stream; there is nothing else to do about it.
    stream.on("error", () => split.end());
  }
  return { tail: () => [...tail], close: () => gate.close() };
}
