import { LOG_LEVELS, type LogLevel } from "@hanzo-fn/contract";

export type LogFields = Readonly<Record<string, unknown>>;

/** JSON logs, one line each (HIP-64). The message is constant; what varies goes into the fields. */
export interface Logger {
  log(level: LogLevel, msg: string, fields?: LogFields): void;
  debug(msg: string, fields?: LogFields): void;
  info(msg: string, fields?: LogFields): void;
  warn(msg: string, fields?: LogFields): void;
  error(msg: string, fields?: LogFields): void;
  child(fields: LogFields): Logger;
}

export interface LoggerOptions {
  readonly level: LogLevel;
  readonly service: string;
  readonly version: string;
  readonly env: string;
  /** Takes one line without its newline. */
  readonly write: (line: string) => void;
  readonly now?: () => number;
}

/** Errors become `error.type`, `error.message`, `error.code` and `error.stack`; HIP-64 wants flat dotted keys. */
function flatten(fields: LogFields): Record<string, unknown> {
  const flat: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    if (value instanceof Error) {
      flat[`${key}.type`] = value.name;
      flat[`${key}.message`] = value.message;
      if ("code" in value) flat[`${key}.code`] = value.code;
      if (value.stack !== undefined) flat[`${key}.stack`] = value.stack;
      if (value.cause instanceof Error) flat[`${key}.cause`] = value.cause.message;
    } else {
      flat[key] = value;
    }
  }
  return flat;
}

export function createLogger(options: LoggerOptions, bound: LogFields = {}): Logger {
  const threshold = LOG_LEVELS.indexOf(options.level);
  const now = options.now ?? Date.now;
  const base = { service: options.service, version: options.version, env: options.env };
  const log = (level: LogLevel, msg: string, fields?: LogFields): void => {
    if (LOG_LEVELS.indexOf(level) < threshold) return;
    options.write(
      JSON.stringify({
        ts: new Date(now()).toISOString(),
        level,
        msg,
        ...base,
        ...flatten(bound),
        ...(fields === undefined ? {} : flatten(fields)),
      }),
    );
  };
  return {
    log,
    debug: (msg, fields) => log("debug", msg, fields),
    info: (msg, fields) => log("info", msg, fields),
    warn: (msg, fields) => log("warn", msg, fields),
    error: (msg, fields) => log("error", msg, fields),
    child: (fields) => createLogger(options, { ...bound, ...fields }),
  };
}

/** Says nothing; for tests. */
export const silentLogger: Logger = {
  log: () => {},
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLogger,
};
