interface Waiting {
  readonly enter: () => void;
}

const inside = (): void => undefined;

/** Lets `limit` calls run at once; the others wait in the order they came. */
export class Gate {
  readonly #limit: number;
  readonly #waiting = new Set<Waiting>();
  #running = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Calls `enter` now or when a turn is free. The answer takes a call that still waits out of the queue. */
  enter(enter: () => void): () => void {
    if (this.#running < this.#limit) {
      this.#running += 1;
      enter();
      return inside;
    }
    const waiting: Waiting = { enter };
    this.#waiting.add(waiting);
    return () => this.#waiting.delete(waiting);
  }

  /** Gives one turn back; once for every `enter` that was called. */
  leave(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#running -= 1;
      return;
    }
    this.#waiting.delete(next);
    next.enter();
  }
}
