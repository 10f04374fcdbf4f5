import { LINE_LIMIT } from "./log-writer.ts";

/** Takes written text apart at line breaks; holds at most one limit of text that has no break yet. */
export class LineSplitter {
  readonly #emit: (line: string, dropped: number) => void;
  #held = "";
  #dropped = 0;

  constructor(emit: (line: string, dropped: number) => void) {
    this.#emit = emit;
  }

  write(text: string): void {
    let start = 0;
    for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n", start)) {
      this.#hold(text.slice(start, end));
      this.#release();
      start = end + 1;
    }
    this.#hold(text.slice(start));
  }

  /** Lets go what waits for a line break. */
  flush(): void {
    if (this.#held !== "") this.#release();
  }

  #hold(text: string): void {
    const room = LINE_LIMIT - this.#held.length;
    if (text.length <= room) {
      this.#held += text;
      return;
    }
    this.#held += text.slice(0, room);
    this.#dropped += Buffer.byteLength(text.slice(room));
  }

  #release(): void {
    const line = this.#held.endsWith("\r") ? this.#held.slice(0, -1) : this.#held;
    const dropped = this.#dropped;
    this.#held = "";
    this.#dropped = 0;
    this.#emit(line, dropped);
  }
}
