/** Something with a count of what it does now. Both fields belong to `LeastLoaded` while it is in there. */
export interface Loaded {
  load: number;
  /** Its index in the order. */
  place: number;
}

/**
 * Finds the one with the least to do, in constant time whatever their number: an array ordered by load, in which a change
 * by one is a swap at the border of two loads. Among equals nobody is preferred.
 */
export class LeastLoaded<T extends Loaded> {
  readonly #order: T[] = [];
  /** `#starts[load]`: how many have less to do; the last one counts them all. */
  readonly #starts: number[] = [0, 0];

  get size(): number {
    return this.#order.length;
  }

  least(): T | undefined {
    return this.#order[0];
  }

  [Symbol.iterator](): IterableIterator<T> {
    return this.#order[Symbol.iterator]();
  }

  /** Its `load` may be anything by now. */
  add(item: T): void {
    this.#reach(item.load);
    let hole = this.#order.length;
    for (let load = this.#starts.length - 1; load > item.load; load--) {
      const first = this.#start(load);
      if (first !== hole) this.#put(hole, this.#order[first] as T);
      hole = first;
      this.#starts[load] = first + 1;
    }
    this.#put(hole, item);
  }

  remove(item: T): void {
    let hole = item.place;
    for (let load = item.load + 1; load < this.#starts.length; load++) {
      const last = this.#start(load) - 1;
      if (last !== hole) this.#put(hole, this.#order[last] as T);
      hole = last;
      this.#starts[load] = last;
    }
    this.#order.length -= 1;
  }

  increment(item: T): void {
    this.#reach(item.load + 1);
    const last = this.#start(item.load + 1) - 1;
    this.#swap(item, last);
    this.#starts[item.load + 1] = last;
    item.load += 1;
  }

  decrement(item: T): void {
    const first = this.#start(item.load);
    this.#swap(item, first);
    this.#starts[item.load] = first + 1;
    item.load -= 1;
  }

  #start(load: number): number {
    return this.#starts[load] as number;
  }

  /** There is a border above this load. */
  #reach(load: number): void {
    while (this.#starts.length < load + 2) this.#starts.push(this.#order.length);
  }

  #put(place: number, item: T): void {
    this.#order[place] = item;
    item.place = place;
  }

  #swap(item: T, place: number): void {
    const other = this.#order[place] as T;
    this.#put(item.place, other);
    this.#put(place, item);
  }
}
