import type { z } from "zod";
import { zod } from "./lazy.ts";

/** What a leaf's `parse` answers for a value that breaks its rule. */
export interface Refused {
  readonly refused: true;
  readonly rule: string;
  readonly suggestion?: string | undefined;
}

export function refuse(rule: string, suggestion?: string): Refused {
  return { refused: true, rule, suggestion };
}

function isRefused(value: unknown): value is Refused {
  return typeof value === "object" && value !== null && (value as Partial<Refused>).refused === true;
}

export interface LeafSpec<T> {
  /** JSON Schema of what may be written, for editors and the documentation. */
  readonly json: Readonly<Record<string, unknown>>;
  readonly parse: (value: unknown) => T | Refused;
}

export type Leaf<T> = z.ZodType<T>;

/** A field with a grammar of its own: written as one thing, stored as another (`300s` -> 300000). */
export function leaf<T>(spec: LeafSpec<T>): Leaf<T> {
  const { z } = zod();
  return z
    .any()
    .transform((value: unknown, context): T => {
      const result: T | Refused = value === undefined ? refuse("is required") : spec.parse(value);
      if (!isRefused(result)) return result;
      const params = result.suggestion === undefined ? {} : { suggestion: result.suggestion };
      context.issues.push({ code: "custom", message: result.rule, input: value, params });
      return z.NEVER;
    })
    .meta(spec.json) as unknown as Leaf<T>;
}
