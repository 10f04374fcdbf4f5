/** Bytes of a connection that cannot be dealt with yet. Grows by doubling, so single bytes cost O(n) in all. */
export class Backlog {
  #buffer: Buffer | undefined;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** The bytes; valid until the next `append` or `take`. */
  get bytes(): Buffer {
    return (this.#buffer ?? Buffer.alloc(0)).subarray(0, this.#length);
  }

  append(source: Buffer, start: number, end: number): void {
    const needed = this.#length + (end - start);
    if (this.#buffer === undefined || this.#buffer.length < needed) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, (this.#buffer?.length ?? 512) * 2));
      this.#buffer?.copy(grown, 0, 0, this.#length);
      this.#buffer = grown;
    }
    source.copy(this.#buffer, this.#length, start, end);
    this.#length = needed;
  }

  /** Gives the bytes away and is empty. */
  take(): Buffer {
    const bytes = this.bytes;
    this.#buffer = undefined;
    this.#length = 0;
    return bytes;
  }
}
