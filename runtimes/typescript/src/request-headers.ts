/**
 * The headers of a request by case-insensitive name: the reading half of the Web's `Headers`, without the cost
 * of loading it. `new Headers(ctx.headers)` and `Object.fromEntries(ctx.headers)` work.
 */
export class RequestHeaders implements Iterable<[string, string]> {
  readonly #values: Readonly<Record<string, string | readonly string[] | undefined>>;

  /** @param values lower-case name to value; repeated ones are joined with a comma. */
  constructor(values: Readonly<Record<string, string | readonly string[] | undefined>>) {
    this.#values = values;
  }

  get(name: string): string | null {
    const key = name.toLowerCase();
    const value = Object.hasOwn(this.#values, key) ? this.#values[key] : undefined;
    if (value === undefined) return null;
    return typeof value === "string" ? value : value.join(", ");
  }

  has(name: string): boolean {
    return this.get(name) !== null;
  }

  *entries(): IterableIterator<[string, string]> {
    for (const name of Object.keys(this.#values)) yield [name, this.get(name) ?? ""];
  }

  *keys(): IterableIterator<string> {
    for (const [name] of this.entries()) yield name;
  }

  *values(): IterableIterator<string> {
    for (const [, value] of this.entries()) yield value;
  }

  forEach(visit: (value: string, name: string) => void): void {
    for (const [name, value] of this.entries()) visit(value, name);
  }

  [Symbol.iterator](): IterableIterator<[string, string]> {
    return this.entries();
  }

  toJSON(): Record<string, string> {
    return Object.fromEntries(this);
  }
}
