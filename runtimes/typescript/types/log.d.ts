export type LogFields = Readonly<Record<string, unknown>>;
/** One line of the function's log, with the request id of the call it belongs to. */
export interface Log {
  debug(msg: string, fields?: LogFields): void;
  info(msg: string, fields?: LogFields): void;
  warn(msg: string, fields?: LogFields): void;
  error(msg: string, fields?: LogFields): void;
}
/** Where the lines go when no server runs the handler. */
export declare const consoleLog: Log;
