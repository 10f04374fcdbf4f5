import { PERMISSIONS, type Permission } from "../identity.ts";
import { leaf, refuse, type Leaf } from "../document/leaf.ts";
import { text } from "../document/leaves.ts";
import { zod } from "../document/lazy.ts";
import { didYouMean } from "../document/suggest.ts";
import { Secret } from "../secret.ts";

export const words = (max = 1024): Leaf<string> =>
  text({
    pattern: /^.+$/s,
    rule: "must be text, not empty",
    max,
    check: (value) => (value.includes("\0") ? "must not hold NUL" : undefined),
  });

export function url(protocols: readonly string[]): Leaf<string> {
  const rule = `must be a URL that begins with ${protocols.map((name) => `${name}://`).join(" or ")}`;
  return text({
    pattern: new RegExp(`^(${protocols.join("|")}):\\/\\/\\S+$`),
    rule,
    max: 2048,
    check: (value) => (URL.canParse(value) ? undefined : rule),
  });
}

/** Text that is never shown. */
export function hidden(check?: (value: string) => string | undefined): Leaf<Secret> {
  return leaf<Secret>({
    json: { type: "string", writeOnly: true },
    parse(value) {
      if (typeof value !== "string" || value === "") return refuse("must be text, not empty");
      const broken = check?.(value);
      return broken === undefined ? new Secret(value) : refuse(broken);
    },
  });
}

export function databaseUrl(): Leaf<Secret> {
  return hidden((value) =>
    /^postgres(ql)?:\/\/\S+$/.test(value) && URL.canParse(value)
      ? undefined
      : "must be a URL that begins with postgres:// or postgresql://",
  );
}

/** The URL of a server, which may hold a password. */
export function serverUrl(protocols: readonly string[]): Leaf<Secret> {
  const rule = `must be a URL that begins with ${protocols.map((name) => `${name}://`).join(" or ")}`;
  const begin = new RegExp(`^(${protocols.join("|")}):\\/\\/\\S+$`);
  return hidden((value) => (begin.test(value) && URL.canParse(value) ? undefined : rule));
}

export function fraction(): Leaf<number> {
  return leaf<number>({
    json: { type: "number", minimum: 0, maximum: 1 },
    parse: (value) =>
      typeof value === "number" && value >= 0 && value <= 1 ? value : refuse("must be a number from 0 to 1"),
  });
}

export function many<T>(item: () => Leaf<T>, min = 0): Leaf<T[]> {
  const { z } = zod();
  return z.array(item()).min(min) as unknown as Leaf<T[]>;
}

const GRANTS = [...PERMISSIONS, "functions:*"] as const;
export type Grant = Permission | "functions:*";

/** Role -> permissions. */
export function roles(): Leaf<Readonly<Record<string, readonly Grant[]>>> {
  return leaf<Readonly<Record<string, readonly Grant[]>>>({
    json: {
      type: "object",
      additionalProperties: { type: "array", items: { type: "string", enum: [...GRANTS] } },
    },
    parse(value) {
      const rule = `must be a map from role to a list of ${GRANTS.join(", ")}`;
      if (typeof value !== "object" || value === null || Array.isArray(value)) return refuse(rule);
      const result: Record<string, readonly Grant[]> = {};
      for (const [role, grants] of Object.entries(value)) {
        if (!Array.isArray(grants)) return refuse(rule);
        const unknown = grants.find((grant) => !(GRANTS as readonly unknown[]).includes(grant)) as unknown;
        if (unknown !== undefined)
          return refuse(`${String(unknown)} is no permission`, didYouMean(String(unknown), GRANTS));
        result[role] = grants as Grant[];
      }
      return result;
    },
  });
}

/** Kubernetes labels: key -> value. */
export function labels(): Leaf<Readonly<Record<string, string>>> {
  return leaf<Readonly<Record<string, string>>>({
    json: { type: "object", additionalProperties: { type: "string", maxLength: 63 } },
    parse(value) {
      const rule = "must be a map from label to text of at most 63 letters, digits, `.`, `_` and `-`";
      if (typeof value !== "object" || value === null || Array.isArray(value)) return refuse(rule);
      const entries = Object.entries(value);
      const fits = entries.every(
        ([key, text]) =>
          /^[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9])?$/.test(key) &&
          typeof text === "string" &&
          /^([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$/.test(text),
      );
      return fits ? (Object.fromEntries(entries) as Record<string, string>) : refuse(rule);
    },
  });
}

/** The digest of an image's manifest. */
export function digest(): Leaf<string> {
  return text({
    pattern: /^sha256:[0-9a-f]{64}$/,
    rule: "must be sha256: and 64 hexadecimal digits",
    max: 71,
  });
}
