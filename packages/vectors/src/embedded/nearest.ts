import type { DistanceMetric } from "@hanzo-fn/contract/layer";

/** What makes a query quick: for the angle, a vector of length one. */
export function prepared(metric: DistanceMetric, vector: Float32Array): Float32Array {
  if (metric === "euclidean_squared") return vector;
  let sum = 0;
  for (const one of vector) sum += one * one;
  if (sum === 0) return vector;
  const scale = 1 / Math.sqrt(sum);
  return vector.map((one) => one * scale);
}

/** Of a prepared vector to the one at `at`: 1 - cosine (0 to 2; 1 where one has no length), or the squared distance. */
export function distanceTo(
  metric: DistanceMetric,
  query: Float32Array,
  floats: Float32Array,
  at: number,
): number {
  const { length } = query;
  if (metric === "euclidean_squared") {
    let sum = 0;
    for (let i = 0; i < length; i++) {
      const difference = (query[i] as number) - (floats[at + i] as number);
      sum += difference * difference;
    }
    return sum;
  }
  let dot = 0;
  let square = 0;
  for (let i = 0; i < length; i++) {
    const one = floats[at + i] as number;
    dot += (query[i] as number) * one;
    square += one * one;
  }
  return square === 0 ? 1 : 1 - dot / Math.sqrt(square);
}

/**
 * How far a row is: of each of the query's vectors the nearest of the row's, all together, as late interaction counts
 * (Khattab and Zaharia, ColBERT, 2020); with one vector each it is their distance.
 */
export function rowDistance(
  metric: DistanceMetric,
  queries: readonly Float32Array[],
  floats: Float32Array,
  from: number,
  until: number,
): number {
  let total = 0;
  for (const query of queries) {
    let best = Number.POSITIVE_INFINITY;
    for (let at = from; at < until; at += query.length)
      best = Math.min(best, distanceTo(metric, query, floats, at));
    total += best;
  }
  return total;
}

/** The `limit` smallest of what is offered, ties by the order of offering. */
export class Nearest<T> {
  readonly #limit: number;
  readonly #heap: { readonly distance: number; readonly place: number; readonly item: T }[] = [];
  #offered = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  offer(distance: number, item: T): void {
    const place = this.#offered++;
    const [worst] = this.#heap;
    if (this.#heap.length < this.#limit) {
      this.#heap.push({ distance, place, item });
      this.#up(this.#heap.length - 1);
    } else if (worst !== undefined && distance < worst.distance) {
      this.#heap[0] = { distance, place, item };
      this.#down();
    }
  }

  /** Nearest first. */
  taken(): { readonly distance: number; readonly item: T }[] {
    return this.#heap.toSorted((a, b) => a.distance - b.distance || a.place - b.place);
  }

  #isWorse(a: number, b: number): boolean {
    const [x, y] = [this.#heap[a], this.#heap[b]];
    if (x === undefined || y === undefined) return false;
    return x.distance > y.distance || (x.distance === y.distance && x.place > y.place);
  }

  #swap(a: number, b: number): void {
    const [x, y] = [this.#heap[a], this.#heap[b]];
    if (x === undefined || y === undefined) return;
    this.#heap[a] = y;
    this.#heap[b] = x;
  }

  #up(from: number): void {
    for (let i = from; i > 0;) {
      const parent = (i - 1) >> 1;
      if (!this.#isWorse(i, parent)) return;
      this.#swap(i, parent);
      i = parent;
    }
  }

  #down(): void {
    for (let i = 0; ;) {
      let worst = i;
      for (const child of [2 * i + 1, 2 * i + 2]) if (this.#isWorse(child, worst)) worst = child;
      if (worst === i) return;
      this.#swap(i, worst);
      i = worst;
    }
  }
}
