import type { z } from "zod";
import type { ErrorDetail } from "../errors.ts";
import { showPath, type SourceDocument } from "./read.ts";
import { didYouMean } from "./suggest.ts";

interface Def {
  readonly type: string;
  readonly innerType?: z.ZodType;
  readonly in?: z.ZodType;
  readonly shape?: Record<string, z.ZodType>;
  readonly element?: z.ZodType;
  readonly valueType?: z.ZodType;
  readonly options?: readonly z.ZodType[];
}

export function definition(schema: z.ZodType): Def {
  return schema._zod.def as unknown as Def;
}

/** The schema under `optional`, `prefault`, `transform` and the like. */
export function unwrap(schema: z.ZodType): z.ZodType {
  const def = definition(schema);
  if (def.innerType !== undefined) return unwrap(def.innerType);
  return def.type === "pipe" && def.in !== undefined ? unwrap(def.in) : schema;
}

function variant(options: readonly z.ZodType[], value: unknown): z.ZodType | undefined {
  const type = (value as { type?: unknown } | null | undefined)?.type;
  return options.find((option) => definition(option).shape?.["type"]?.safeParse(type).success === true);
}

/** The names that may stand at `path`, for "did you mean". */
function knownKeys(root: z.ZodType, value: unknown, path: readonly PropertyKey[]): readonly string[] {
  let schema: z.ZodType | undefined = unwrap(root);
  let here = value;
  for (const part of [...path, undefined]) {
    if (schema === undefined) return [];
    let def = definition(schema);
    if (def.options !== undefined) {
      const chosen = variant(def.options, here);
      if (chosen === undefined) return [];
      def = definition(unwrap(chosen));
    }
    if (part === undefined) return Object.keys(def.shape ?? {});
    const next: z.ZodType | undefined = def.shape?.[String(part)] ?? def.element ?? def.valueType;
    schema = next === undefined ? undefined : unwrap(next);
    here = (here as Record<PropertyKey, unknown> | null | undefined)?.[part];
  }
  return [];
}

function at(value: unknown, path: readonly PropertyKey[]): unknown {
  let here = value;
  for (const part of path) here = (here as Record<PropertyKey, unknown> | null | undefined)?.[part];
  return here;
}

const LONGEST_VALUE = 200;

/** A value as it is shown in a problem: short, and plain data. */
export function shown(value: unknown): unknown {
  if (value === undefined) return undefined;
  if (typeof value === "string" && value.length > LONGEST_VALUE) return `${value.slice(0, LONGEST_VALUE)}…`;
  if (typeof value !== "object" || value === null) return value;
  const text = JSON.stringify(value);
  return text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE)}…` : (JSON.parse(text) as unknown);
}

export interface Problem {
  readonly path: readonly PropertyKey[];
  readonly rule: string;
  readonly suggestion?: string | undefined;
  readonly error?: ErrorDetail["error"];
  /** Point at the key instead of the value. */
  readonly key?: boolean;
}

/** One problem as the API shows it. */
export function detail(document: SourceDocument, problem: Problem): ErrorDetail {
  const value = shown(at(document.value, problem.path));
  const position = problem.key === true ? document.keyAt(problem.path) : document.valueAt(problem.path);
  return {
    ...(problem.path.length === 0 ? {} : { path: showPath(problem.path) }),
    ...position,
    ...(value === undefined ? {} : { value }),
    rule: problem.rule,
    ...(problem.suggestion === undefined ? {} : { suggestion: problem.suggestion }),
    ...(problem.error === undefined ? {} : { error: problem.error }),
  };
}

const KINDS: Readonly<Record<string, string>> = {
  object: "a map of fields",
  array: "a list",
  record: "a map",
  string: "text",
  number: "a number",
};

function expectation(expected: string): string {
  return `must be ${KINDS[expected] ?? expected}`;
}

export interface IssueOptions {
  /** Says where a key that is unknown here belongs, for example `timeout` under `resources`. */
  readonly misplaced?: (path: readonly PropertyKey[], key: string) => string | undefined;
}

/** zod's issues in the words of a manifest or configuration. */
export function toProblems(
  schema: z.ZodType,
  value: unknown,
  issues: readonly z.core.$ZodIssue[],
  options: IssueOptions = {},
): Problem[] {
  return issues.flatMap((issue): Problem[] => {
    const { path } = issue;
    const given = at(value, path);
    switch (issue.code) {
      case "unrecognized_keys": {
        const known = knownKeys(schema, value, path);
        return issue.keys.map((key) => {
          const elsewhere = options.misplaced?.(path, key);
          const rule =
            elsewhere === undefined ? "is not a known field" : `does not belong here: it is ${elsewhere}`;
          const suggestion = elsewhere === undefined ? didYouMean(key, known) : `write it as ${elsewhere}`;
          return { path: [...path, key], rule, suggestion, key: true };
        });
      }
      case "custom": {
        const suggestion = (issue.params as { suggestion?: string } | undefined)?.suggestion;
        return [{ path, rule: issue.message, suggestion }];
      }
      case "invalid_type":
        return [{ path, rule: given === undefined ? "is required" : expectation(issue.expected) }];
      case "too_small":
        return [
          { path, rule: issue.origin === "array" ? `needs at least ${issue.minimum} entry` : issue.message },
        ];
      case "invalid_union": {
        const names = ((issue as { options?: readonly unknown[] }).options ?? []).map(String);
        if (given === undefined) return [{ path, rule: `is required: one of ${names.join(", ")}` }];
        const suggestion = typeof given === "string" ? didYouMean(given, names) : undefined;
        return [{ path, rule: `must be one of ${names.join(", ")}`, suggestion }];
      }
      case "invalid_key":
        return issue.issues.map((inner) => ({
          path,
          rule: inner.message,
          suggestion: (inner as { params?: { suggestion?: string } }).params?.suggestion,
          key: true,
        }));
      default:
        return [{ path, rule: issue.message }];
    }
  });
}

/** By place in the text, so that the list reads from top to bottom. */
export function inOrder(details: readonly ErrorDetail[]): ErrorDetail[] {
  return [...details].sort((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0));
}
