export interface Substituted {
  /** Undefined where the text was nothing but variables that are not set. */
  readonly text: string | undefined;
  /** Variables that were used. */
  readonly used: readonly string[];
  /** Variables that are not set and have no default. */
  readonly unset: readonly string[];
}

const VARIABLE = /\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g;

/** True for a text that is one variable: its type is then that of the variable's content. */
export function isWholeVariable(text: string): boolean {
  return /^\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\}$/.test(text);
}

/** What is left after the variables, for example `${` without an end. */
export function brokenVariable(text: string): boolean {
  return text.replaceAll(VARIABLE, "").includes("${");
}

/** Replaces `${NAME}` and `${NAME:-default}`; `$$` is one `$`. An empty variable counts as not set. */
export function substitute(text: string, env: Readonly<Record<string, string | undefined>>): Substituted {
  const used: string[] = [];
  const unset: string[] = [];
  const replaced = text.replaceAll(
    VARIABLE,
    (whole, name: string | undefined, byDefault: string | undefined) => {
      if (whole === "$$" || name === undefined) return "$";
      const value = env[name];
      if (value !== undefined && value !== "") {
        used.push(name);
        return value;
      }
      if (byDefault === undefined) unset.push(name);
      return byDefault ?? "";
    },
  );
  return { text: unset.length > 0 ? undefined : replaced, used, unset };
}
