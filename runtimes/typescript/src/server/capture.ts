import { stream } from "../builtins.ts";
import type { Level } from "./log-writer.ts";
import type { Scopes } from "./scope.ts";

type Done = (error?: Error | null) => void;

const CONSOLE_LEVELS = {
  debug: "debug",
  log: "info",
  info: "info",
  dir: "info",
  warn: "warn",
  error: "error",
} as const satisfies Record<string, Level>;

/** Stands in for `process.stdout` and `process.stderr`: what is written becomes lines of the function's log. */
class CapturedStream extends stream.Writable {
  readonly fd: number;
  readonly isTTY = false;
  readonly #take: (text: string) => void;

  constructor(fd: number, take: (text: string) => void) {
    super({ decodeStrings: false });
    this.fd = fd;
    this.#take = take;
  }

  // Writable's own way queues a tick for every write: a loop that logs without a pause would grow without bound.
  override write(chunk: unknown, encoding?: BufferEncoding | Done, done?: Done): boolean {
    const named = typeof encoding === "string" ? encoding : undefined;
    this.#take(
      typeof chunk === "string" ? text(chunk, named) : Buffer.from(chunk as Uint8Array).toString("utf8"),
    );
    (typeof encoding === "function" ? encoding : done)?.(null);
    return true;
  }

  override end(chunk?: unknown): this {
    if (chunk !== undefined && typeof chunk !== "function") this.write(chunk);
    return this;
  }

  override destroy(): this {
    return this;
  }
}

function text(chunk: string, encoding: BufferEncoding | undefined): string {
  return encoding === undefined || encoding === "utf8"
    ? chunk
    : Buffer.from(chunk, encoding).toString("utf8");
}

/**
 * Turns `console.*`, `process.stdout` and `process.stderr` of this process into log lines, and `process.stdin`
 * into an empty stream.
 */
export function captureOutput(scopes: Scopes, process: NodeJS.Process, console: Console): void {
  // Set while a console method runs: its one message is one entry, at its level.
  let level: Level | undefined;

  const streamOf = (fd: number, name: "stdout" | "stderr"): CapturedStream =>
    new CapturedStream(fd, (chunk) => {
      const scope = scopes.current();
      if (level === undefined) scope.write(name, chunk);
      else
        scopes.writer.write({
          level,
          stream: name,
          msg: chunk.endsWith("\n") ? chunk.slice(0, -1) : chunk,
          requestId: scope.requestId,
        });
    });

  replace(process, "stdout", () => streamOf(1, "stdout"));
  replace(process, "stderr", () => streamOf(2, "stderr"));
  replace(process, "stdin", () => stream.Readable.from([]));

  for (const name of Object.keys(CONSOLE_LEVELS) as Array<keyof typeof CONSOLE_LEVELS>) {
    const original = console[name].bind(console) as (...parts: unknown[]) => void;
    console[name] = (...parts: unknown[]) => {
      const outer = level;
      level = CONSOLE_LEVELS[name];
      try {
        original(...parts);
      } finally {
        level = outer;
      }
    };
  }
}

function replace(process: NodeJS.Process, name: "stdin" | "stdout" | "stderr", make: () => unknown): void {
  let made: unknown;
  Object.defineProperty(process, name, {
    configurable: true,
    enumerable: true,
    get: () => (made ??= make()),
  });
}
