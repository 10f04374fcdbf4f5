import type { Secret } from "../secret.ts";
import type { Leaf } from "../document/leaf.ts";

/** What a default may depend on. */
export interface DefaultContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** True where there is a configuration file or an external database: somebody set this platform up. */
  readonly configured: boolean;
}

/** The suffix that a value's name gets in TypeScript: `queue_timeout` -> `queueTimeoutMs`. */
export type Unit = "" | "Ms" | "Bytes";

export interface Field<T, U extends Unit = Unit> {
  readonly kind: "field";
  readonly leaf: () => Leaf<T>;
  readonly unit: U;
  readonly description: string;
  /** As it would be written; undefined where the key may be absent. */
  readonly fallback: unknown;
  /** Environment variables besides `HANZO_FN_<PATH>`, most important first. */
  readonly env: readonly string[];
  readonly list: boolean;
  readonly secret: boolean;
}

/**
 * A key of a later release: it may hold its default or what HIP-60 prints, which gives a warning; anything else is
 * refused, because it would be silently ignored.
 */
export interface LaterField {
  readonly kind: "later";
  readonly leaf: () => Leaf<unknown>;
  readonly description: string;
  readonly fallback: unknown;
  readonly env: readonly string[];
  readonly list: boolean;
  readonly secret: boolean;
  /** What HIP-60 prints, as written in the file. */
  readonly printed: readonly unknown[];
}

export interface Section {
  readonly [key: string]: Field<unknown> | LaterField | Section;
}

type CamelCase<S extends string> = S extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : S;

type OutKey<K, F> = K extends string
  ? F extends LaterField
    ? never
    : F extends Field<unknown, infer U>
      ? CamelCase<K> extends `${string}${U}${string}`
        ? CamelCase<K>
        : `${CamelCase<K>}${U}`
      : CamelCase<K>
  : never;

/** The typed form of a section: camel case, units in names, keys of later releases left out. */
export type Output<S> = {
  readonly [K in keyof S as OutKey<K, S[K]>]: S[K] extends Field<infer T> ? T : Output<S[K]>;
};

interface Common {
  readonly description: string;
  readonly env?: readonly string[];
}

interface WithFallback extends Common {
  readonly fallback: unknown;
}

function common(options: Common & { fallback?: unknown }) {
  return { description: options.description, env: options.env ?? [], fallback: options.fallback };
}

type Rest = Pick<Field<unknown>, "list" | "secret">;
const PLAIN: Rest = { list: false, secret: false };

/** A key with a default. */
export function field<T>(leaf: () => Leaf<T>, options: WithFallback): Field<T, ""> {
  return { kind: "field", leaf, unit: "", ...common(options), ...PLAIN };
}

/** A key that may be absent. */
export function optional<T>(leaf: () => Leaf<T>, options: Common): Field<T | undefined, ""> {
  return { kind: "field", leaf, unit: "", ...common(options), ...PLAIN };
}

/** A list with a default; from the environment it is separated by commas. */
export function listOf<T>(leaf: () => Leaf<T[]>, options: WithFallback): Field<readonly T[], ""> {
  return { kind: "field", leaf, unit: "", ...common(options), list: true, secret: false };
}

export function milliseconds(leaf: () => Leaf<number>, options: WithFallback): Field<number, "Ms"> {
  return { kind: "field", leaf, unit: "Ms", ...common(options), ...PLAIN };
}

export function size(leaf: () => Leaf<number>, options: WithFallback): Field<number, "Bytes"> {
  return { kind: "field", leaf, unit: "Bytes", ...common(options), ...PLAIN };
}

/** A value that is never shown; it may be absent. */
export function secret(leaf: () => Leaf<Secret>, options: Common): Field<Secret | undefined, ""> {
  return { kind: "field", leaf, unit: "", ...common(options), list: false, secret: true };
}

export function later(
  leaf: () => Leaf<unknown>,
  options: Common & {
    readonly fallback?: unknown;
    readonly printed?: readonly unknown[];
    readonly list?: boolean;
    readonly secret?: boolean;
  },
): LaterField {
  const { printed = [], list = false, secret: hidden = false } = options;
  return { kind: "later", leaf, ...common(options), printed, list, secret: hidden };
}

export function isField(entry: Field<unknown> | LaterField | Section): entry is Field<unknown> | LaterField {
  const { kind } = entry as { kind?: unknown };
  return kind === "field" || kind === "later";
}

export function camelCase(name: string): string {
  return name.replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** The name of a key in TypeScript. */
export function typedName(name: string, entry: Field<unknown> | LaterField | Section): string {
  const camel = camelCase(name);
  const unit = isField(entry) && entry.kind === "field" ? entry.unit : "";
  return unit !== "" && camel.includes(unit) ? camel : camel + unit;
}
