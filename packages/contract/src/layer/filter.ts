/**
 * Filters over the attributes of rows, as Turbopuffer writes them (turbopuffer.com/docs/query, Filtering), and what they
 * mean here (docs/layer-filters.md).
 *
 * A condition holds or it does not; there is no third value. An attribute that is missing or null holds no condition but
 * `Eq null`, `In` with null, and the `NotEq` and `NotIn` of nothing: `NotEq 1` is false where the attribute is missing, as
 * in SQL, and `Not (Eq 1)` is true. A value of another type than the attribute's equals nothing and has no order with it.
 */
export type Scalar = string | number | boolean;

/** What a row keeps under an attribute's name. Missing and null are the same. */
export type AttributeValue = Scalar | null | readonly Scalar[];

export type Comparison = "Lt" | "Lte" | "Gt" | "Gte";

export interface FuzzyOptions {
  /** The first whose `minQueryChars` a word has, longest first, says how many edits it may be away. */
  readonly maxEditDistance: readonly { readonly minQueryChars: number; readonly distance: number }[];
  readonly caseSensitive: boolean;
}

export type Condition =
  | { readonly op: "Eq" | "NotEq"; readonly value: AttributeValue }
  | { readonly op: "In" | "NotIn"; readonly values: readonly AttributeValue[] }
  | { readonly op: Comparison; readonly value: string | number }
  /** Of an array: one of its elements. */
  | { readonly op: `Any${Comparison}`; readonly value: string | number }
  /** Of an array: the element is in it. `NotContains` holds of arrays alone. */
  | { readonly op: "Contains" | "NotContains"; readonly value: Scalar }
  | { readonly op: "ContainsAny" | "NotContainsAny"; readonly values: readonly Scalar[] }
  /** Of a string, whole: `*` is any text, `?` a character, `[a-z]` and `[!a-z]` one of a set. */
  | { readonly op: "Glob" | "NotGlob" | "IGlob" | "NotIGlob"; readonly pattern: string }
  /** Of a string, anywhere in it: an RE2 expression, which takes time by the length of the string. */
  | { readonly op: "Regex"; readonly pattern: string }
  | {
      readonly op: "ContainsAllTokens" | "ContainsAnyToken";
      readonly tokens: readonly string[];
      readonly lastAsPrefix: boolean;
    }
  | { readonly op: "ContainsTokenSequence"; readonly tokens: readonly string[] }
  | { readonly op: "Fuzzy"; readonly text: string; readonly options: FuzzyOptions };

/** A filter as the back ends take it: checked, and without short forms. */
export type Filter =
  | { readonly all: readonly Filter[] }
  | { readonly any: readonly Filter[] }
  | { readonly not: Filter }
  | { readonly attribute: string; readonly is: Condition };
