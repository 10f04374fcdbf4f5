export type LogFields = Readonly<Record<string, unknown>>;

/** One line of the function's log, with the request id of the call it belongs to. */
export interface Log {
  debug(msg: string, fields?: LogFields): void;
  info(msg: string, fields?: LogFields): void;
  warn(msg: string, fields?: LogFields): void;
  error(msg: string, fields?: LogFields): void;
}

/* oxlint-disable no-console -- outside the server, as in a unit test, this is where lines belong. */

/** Where the lines go when no server runs the handler. */
export const consoleLog: Log = {
  debug: (msg, fields = {}) => console.debug(msg, fields),
  info: (msg, fields = {}) => console.info(msg, fields),
  warn: (msg, fields = {}) => console.warn(msg, fields),
  error: (msg, fields = {}) => console.error(msg, fields),
};
