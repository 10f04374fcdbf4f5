import { AsyncLocalStorage } from "node:async_hooks";
import { LineSplitter } from "./line-splitter.ts";
import type { LogWriter, Stream } from "./log-writer.ts";

/** What belongs to one call and follows it across awaits: its request id and its unfinished lines. */
export class Scope {
  readonly requestId: string | undefined;
  readonly #writer: LogWriter;
  /** Made at the first write: most calls write nothing. */
  #lines: Map<Stream, LineSplitter> | undefined;

  constructor(requestId: string | undefined, writer: LogWriter) {
    this.requestId = requestId;
    this.#writer = writer;
  }

  write(stream: "stdout" | "stderr", text: string): void {
    this.#lines ??= new Map();
    let lines = this.#lines.get(stream);
    if (lines === undefined) {
      const level = stream === "stdout" ? "info" : "error";
      lines = new LineSplitter((msg, dropped) =>
        this.#writer.write({ level, stream, msg, dropped, requestId: this.requestId }),
      );
      this.#lines.set(stream, lines);
    }
    lines.write(text);
  }

  flush(): void {
    if (this.#lines !== undefined) for (const lines of this.#lines.values()) lines.flush();
  }
}

export interface Scopes {
  readonly writer: LogWriter;
  /** The scope of the call that runs now, or the one for everything outside calls. */
  current(): Scope;
  run<T>(scope: Scope, body: () => T): T;
  open(requestId: string): Scope;
  /** Writes out the unfinished lines of the call and forgets it. */
  close(scope: Scope): void;
  /** Writes out every unfinished line. */
  flush(): void;
}

export function createScopes(writer: LogWriter): Scopes {
  const storage = new AsyncLocalStorage<Scope>();
  const outside = new Scope(undefined, writer);
  const open = new Set<Scope>([outside]);
  return {
    writer,
    current: () => storage.getStore() ?? outside,
    run: (scope, body) => storage.run(scope, body),
    open(requestId) {
      const scope = new Scope(requestId, writer);
      open.add(scope);
      return scope;
    },
    close(scope) {
      scope.flush();
      open.delete(scope);
    },
    flush() {
      for (const scope of open) scope.flush();
    },
  };
}
