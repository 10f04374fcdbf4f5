import type { Log, LogFields } from "../log.ts";
import type { Level, LogWriter } from "./log-writer.ts";

/** `ctx.log` of one call. */
export class CallLog implements Log {
  readonly #writer: LogWriter;
  readonly #requestId: string;

  constructor(writer: LogWriter, requestId: string) {
    this.#writer = writer;
    this.#requestId = requestId;
  }

  debug(msg: string, fields?: LogFields): void {
    this.#write("debug", msg, fields);
  }

  info(msg: string, fields?: LogFields): void {
    this.#write("info", msg, fields);
  }

  warn(msg: string, fields?: LogFields): void {
    this.#write("warn", msg, fields);
  }

  error(msg: string, fields?: LogFields): void {
    this.#write("error", msg, fields);
  }

  #write(level: Level, msg: string, fields: LogFields | undefined): void {
    this.#writer.write({ level, stream: "log", msg: String(msg), fields, requestId: this.#requestId });
  }
}
