import { formatDuration, parseDuration } from "../duration.ts";
import { leaf, refuse, type Leaf } from "./leaf.ts";
import { didYouMean } from "./suggest.ts";
import { formatBytes, parseCpu, parseQuantity } from "./quantity.ts";

export interface TextRule {
  readonly pattern: RegExp;
  /** What `pattern` means, for example `must be an IANA time zone`. */
  readonly rule: string;
  readonly max?: number;
  /** Proposes a value that would pass. */
  readonly suggest?: (value: string) => string | undefined;
  /** What the pattern cannot say; a text is a broken rule. */
  readonly check?: (value: string) => string | undefined;
}

export function text(spec: TextRule): Leaf<string> {
  const max = spec.max ?? 253;
  return leaf<string>({
    json: { type: "string", pattern: spec.pattern.source, maxLength: max },
    parse(value) {
      if (typeof value !== "string") {
        const quoted = typeof value === "number" || typeof value === "boolean";
        return refuse(spec.rule, quoted ? `put it in quotes: "${String(value)}"` : undefined);
      }
      if (value.length > max) return refuse(`must have at most ${max} characters, this has ${value.length}`);
      if (!spec.pattern.test(value)) return refuse(spec.rule, spec.suggest?.(value));
      const broken = spec.check?.(value);
      return broken === undefined ? value : refuse(broken, spec.suggest?.(value));
    },
  });
}

export interface DurationRule {
  /** Default 0. */
  readonly minMs?: number;
  readonly maxMs?: number;
  readonly wholeSeconds?: boolean;
}

const DURATION_RULE = "must be a duration such as 300s, 5m, 1h30m or 500ms";

export function duration(spec: DurationRule = {}): Leaf<number> {
  const { minMs = 0, maxMs } = spec;
  return leaf<number>({
    json: {
      type: ["string", "integer"],
      pattern: "^([0-9]+|([0-9]+(\\.[0-9]+)?(ms|s|m|h|d))+)$",
      minimum: 0,
      examples: ["300s", "5m", "1h30m", "500ms", 300],
    },
    parse(value) {
      if (typeof value !== "string" && typeof value !== "number") return refuse(DURATION_RULE);
      if (typeof value === "string" && value.length > 64) return refuse(DURATION_RULE);
      const ms = parseDuration(value);
      if (ms === undefined) return refuse(DURATION_RULE, suggestDuration(String(value)));
      if (ms < minMs) return refuse(`must be at least ${formatDuration(minMs)}`);
      if (maxMs !== undefined && ms > maxMs) return refuse(`must be at most ${formatDuration(maxMs)}`);
      if (!Number.isSafeInteger(ms)) return refuse(DURATION_RULE);
      if (spec.wholeSeconds === true && ms % 1000 !== 0) return refuse("must be whole seconds");
      return ms;
    },
  });
}

function suggestDuration(value: string): string | undefined {
  const match =
    /^\s*(\d+)\s*(milliseconds?|msecs?|seconds?|secs?|minutes?|mins?|hours?|hrs?|days?)\s*$/i.exec(value);
  if (match === null) return undefined;
  const [, amount, word = ""] = match;
  const unit = /^(milli|ms)/i.test(word) ? "ms" : word[0]?.toLowerCase();
  return `write ${amount}${unit}`;
}

export function cpu(): Leaf<number> {
  const rule = "must be a Kubernetes CPU quantity greater than 0, such as 250m, 0.5 or 2";
  return leaf<number>({
    json: { type: ["string", "number"], pattern: "^[0-9]+(\\.[0-9]{1,3})?m?$", examples: ["250m", "0.5", 2] },
    parse(value) {
      const millis =
        typeof value === "string" || typeof value === "number" ? parseCpu(String(value)) : undefined;
      return millis === undefined || millis < 1 ? refuse(rule) : millis;
    },
  });
}

export interface BytesRule {
  readonly min?: number;
  readonly max?: number;
}

export function bytes(spec: BytesRule = {}): Leaf<number> {
  const rule = "must be a Kubernetes quantity of bytes, such as 256Mi, 1Gi or 500M";
  return leaf<number>({
    json: {
      type: ["string", "number"],
      pattern: "^[0-9]+(\\.[0-9]+)?(Ki|Mi|Gi|Ti|Pi|Ei|k|M|G|T|P|E)?$",
      examples: ["256Mi", "1Gi", "500M"],
    },
    parse(value) {
      const size =
        typeof value === "string" || typeof value === "number" ? parseQuantity(String(value)) : undefined;
      if (size === undefined) return refuse(rule, suggestBytes(String(value)));
      if (spec.min !== undefined && size < spec.min) {
        const bare = /^\d+$/.test(String(value)) ? `did you mean ${value}Mi?` : undefined;
        return refuse(`must be at least ${formatBytes(spec.min)}`, bare);
      }
      if (spec.max !== undefined && size > spec.max)
        return refuse(`must be at most ${formatBytes(spec.max)}`);
      return size;
    },
  });
}

function suggestBytes(value: string): string | undefined {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([kmgt])i?b?\s*$/i.exec(value);
  if (match === null) return undefined;
  const [, amount, unit = ""] = match;
  return `did you mean ${amount}${unit.toUpperCase() === "K" ? "Ki" : `${unit.toUpperCase()}i`}?`;
}

export function choice<const V extends readonly string[]>(values: V): Leaf<V[number]> {
  const rule = `must be one of ${values.join(", ")}`;
  return leaf<V[number]>({
    json: { type: "string", enum: [...values] },
    parse(value) {
      if (typeof value === "string" && values.includes(value)) return value;
      return refuse(rule, typeof value === "string" ? didYouMean(value, values) : undefined);
    },
  });
}

export function integer(min: number, max: number): Leaf<number> {
  return leaf<number>({
    json: { type: "integer", minimum: min, maximum: max },
    parse(value) {
      if (typeof value !== "number" || !Number.isInteger(value)) {
        const numeric = typeof value === "string" && /^\d+$/.test(value);
        return refuse("must be a whole number", numeric ? `remove the quotes: ${value}` : undefined);
      }
      return value < min || value > max ? refuse(`must be from ${min} to ${max}`) : value;
    },
  });
}

export function flag(): Leaf<boolean> {
  return leaf<boolean>({
    json: { type: "boolean" },
    parse(value) {
      if (typeof value === "boolean") return value;
      const word = String(value).toLowerCase();
      const meant = ["yes", "on", "true"].includes(word)
        ? "true"
        : ["no", "off", "false"].includes(word)
          ? "false"
          : undefined;
      return refuse("must be true or false", meant === undefined ? undefined : `write ${meant}`);
    },
  });
}

/** A description for editors and the documentation; `extension` names what HIP-60 leaves open there. */
export function described<
  T extends { meta(data: Record<string, unknown>): T; meta(): Record<string, unknown> | undefined },
>(schema: T, description: string, extension?: string): T {
  const own = schema.meta() ?? {};
  return schema.meta({
    ...own,
    description,
    ...(extension === undefined ? {} : { "x-extension": extension }),
  });
}

/** The value where `schema` takes it, else undefined. */
export function pick<T>(schema: Leaf<T>, value: unknown): T | undefined {
  if (value === undefined) return undefined;
  const result = schema.safeParse(value);
  return result.success ? result.data : undefined;
}
