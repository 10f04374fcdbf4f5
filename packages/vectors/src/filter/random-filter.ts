import type { AttributeValue } from "@hanzo-fn/contract/layer";

/** Few enough that conditions and rows often meet; strings whose order differs by bytes and by UTF-16. */
const TEXTS = ["", "a", "A", "ab", "b", "é", "\u{FFFD}", "\u{1F600}", "a b", "1", "true", "x\ny", "%", "a_b"];
const NUMBERS = [-1.5, -0, 0, 1, 1e-9, 2, 10, 1e21, 0.1];
const ATTRIBUTES = ["a", "b", "c", "And", "id"];

/** Rows and filters that a seed determines. */
export class RandomFilters {
  readonly #below: (below: number) => number;

  constructor(below: (below: number) => number) {
    this.#below = below;
  }

  #of<T>(values: readonly T[]): T {
    return values[this.#below(values.length)] as T;
  }

  #some<T>(most: number, one: () => T): T[] {
    return Array.from({ length: this.#below(most + 1) }, one);
  }

  scalar(): string | number | boolean {
    return this.#of<() => string | number | boolean>([
      () => this.#of(TEXTS),
      () => this.#of(NUMBERS),
      () => this.#below(2) === 0,
    ])();
  }

  value(): AttributeValue {
    const kind = this.#below(5);
    if (kind === 0) return null;
    return kind === 1 ? this.#some(3, () => this.scalar()) : this.scalar();
  }

  attributes(): Record<string, AttributeValue> {
    const found: Record<string, AttributeValue> = {};
    for (const name of ATTRIBUTES.slice(0, 4)) if (this.#below(4) > 0) found[name] = this.value();
    return found;
  }

  /** As the wire has it, in either form of `And` and `Or`. */
  filter(depth: number): unknown[] {
    const kind = this.#below(depth > 0 ? 10 : 7);
    if (kind < 7) return this.#condition();
    if (kind === 7) return ["Not", this.filter(depth - 1)];
    const parts = this.#some(3, () => this.filter(depth - 1));
    const head = kind === 8 ? "And" : "Or";
    return this.#below(2) === 0 && parts.length > 0 ? [head, ...parts] : [head, parts];
  }

  #condition(): unknown[] {
    const attribute = this.#of(ATTRIBUTES);
    const op = this.#of(Object.keys(OPERANDS));
    return [attribute, op, ...(OPERANDS[op] as (random: RandomFilters) => unknown[])(this)];
  }

  list<T>(one: () => T): T[] {
    return this.#some(4, one);
  }

  text(): string {
    return this.#of(TEXTS);
  }

  ordered(): string | number {
    return this.#below(2) === 0 ? this.#of(TEXTS) : this.#of(NUMBERS);
  }

  glob(): string {
    return this.#of(["*", "a*", "?", "[a-b]*", "[!a]", "*b", "a\\*", "", "x?y", "[[]", "%"]);
  }

  word(): string {
    return this.#of(["a", "b", "ab", "é"]);
  }
}

const value = (random: RandomFilters): unknown[] => [random.value()];
const values = (random: RandomFilters): unknown[] => [random.list(() => random.value())];
const scalar = (random: RandomFilters): unknown[] => [random.scalar()];
const scalars = (random: RandomFilters): unknown[] => [random.list(() => random.scalar())];
const ordered = (random: RandomFilters): unknown[] => [random.ordered()];
const glob = (random: RandomFilters): unknown[] => [random.glob()];
const words = (random: RandomFilters): unknown[] => [[random.word(), random.word()]];

const OPERANDS: Readonly<Record<string, (random: RandomFilters) => unknown[]>> = {
  Eq: value,
  NotEq: value,
  In: values,
  NotIn: values,
  Lt: ordered,
  Lte: ordered,
  Gt: ordered,
  Gte: ordered,
  AnyLt: ordered,
  AnyLte: ordered,
  AnyGt: ordered,
  AnyGte: ordered,
  Contains: scalar,
  NotContains: scalar,
  ContainsAny: scalars,
  NotContainsAny: scalars,
  Glob: glob,
  NotGlob: glob,
  IGlob: glob,
  NotIGlob: glob,
  Regex: () => ["^[ab]"],
  ContainsAllTokens: (random) => [...words(random), { last_as_prefix: random.text().length > 1 }],
  ContainsAnyToken: words,
  ContainsTokenSequence: words,
  Fuzzy: (random) => [random.word(), { max_edit_distance: [{ min_query_chars: 0, distance: 1 }] }],
};
