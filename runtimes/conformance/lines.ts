import type { Readable } from "node:stream";

const WAIT_MS = 30_000;

/** One parsed line of the log contract; a line that is no JSON stands in `msg` under the stream `plain`. */
export interface LogLine {
  readonly ts?: string;
  readonly level: string;
  readonly msg: string;
  readonly stream: string;
  readonly request_id?: string;
  readonly fields?: Readonly<Record<string, unknown>>;
  readonly truncated?: number;
}

interface Waiting {
  readonly wanted: (line: LogLine) => boolean;
  readonly found: (line: LogLine) => void;
}

/** What a server writes to one of its outputs, and a way to wait for a line of it. */
export class Lines {
  readonly all: LogLine[] = [];
  readonly #waiting = new Set<Waiting>();
  #rest = "";

  constructor(stream: Readable) {
    stream.setEncoding("utf8");
    stream.on("data", (chunk: string) => this.#take(chunk));
  }

  /** The first line for which `wanted` holds, now or later. */
  async find(what: string, wanted: (line: LogLine) => boolean): Promise<LogLine> {
    const there = this.all.find(wanted);
    if (there !== undefined) return there;
    const { promise, resolve, reject } = Promise.withResolvers<LogLine>();
    const waiting = { wanted, found: resolve };
    this.#waiting.add(waiting);
    const timer = setTimeout(() => reject(new Error(`no line ${what} among: ${this.text()}`)), WAIT_MS);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(waiting);
    }
  }

  saying(msg: string): Promise<LogLine> {
    return this.find(JSON.stringify(msg), (line) => line.msg === msg);
  }

  of(requestId: string): LogLine[] {
    return this.all.filter((line) => line.request_id === requestId);
  }

  text(): string {
    return `${this.all
      .map((line) => JSON.stringify(line))
      .slice(-20)
      .join("\n")}${this.#rest}`;
  }

  #take(chunk: string): void {
    const lines = (this.#rest + chunk).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const text of lines) {
      const line = parse(text);
      this.all.push(line);
      for (const waiting of this.#waiting) if (waiting.wanted(line)) waiting.found(line);
    }
  }
}

function parse(text: string): LogLine {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && "msg" in value) return value as LogLine;
  } catch {
    // A plain line.
  }
  return { level: "", msg: text, stream: "plain" };
}
