import type { LogLevel } from "@hanzo-fn/contract";

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
