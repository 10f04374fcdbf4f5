export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** One line that a function or the platform wrote about a function. */
export interface FunctionLogEntry {
  /** Milliseconds since the epoch. */
  readonly tsMs: number;
  readonly level: LogLevel;
  readonly msg: string;
  readonly org: string;
  readonly function: string;
  /** Revision name. */
  readonly revision: string;
  readonly instance: string;
  readonly requestId?: string | undefined;
  /** `stdout` and `stderr` for plain lines, `log` for `ctx.log`, `platform` for what the platform says. */
  readonly stream: "stdout" | "stderr" | "log" | "platform";
  readonly fields?: Readonly<Record<string, unknown>> | undefined;
}

/** Takes lines without blocking; an overfull sink drops lines and says how many. */
export interface LogSink {
  append(entry: FunctionLogEntry): void;
}
