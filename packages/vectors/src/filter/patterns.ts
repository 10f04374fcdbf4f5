import { PlatformError } from "@hanzo-fn/contract";
import { RE2JS } from "re2js";

/** Finds a pattern in time by the length of the text, whatever the pattern. */
export interface Pattern {
  test(text: string): boolean;
}

function compile(expression: string, flags: number, shown: string): Pattern {
  try {
    const compiled = RE2JS.compile(expression, flags);
    return { test: (text) => compiled.matcher(text).find() };
  } catch (cause) {
    const rule = cause instanceof Error ? cause.message : String(cause);
    throw new PlatformError("validation_error", `the filter has a pattern that cannot be read: ${rule}`, {
      component: "layer",
      cause,
      details: [{ path: shown, rule }],
    });
  }
}

/** An RE2 expression, found anywhere in a text. */
export function regexPattern(expression: string): Pattern {
  return compile(expression, 0, expression);
}

/** A glob, which takes a text whole. */
export function globPattern(glob: string, { ignoreCase }: { readonly ignoreCase: boolean }): Pattern {
  const flags = RE2JS.DOTALL | (ignoreCase ? RE2JS.CASE_INSENSITIVE : 0);
  return compile(`^(?:${globExpression(glob)})\\z`, flags, glob);
}

const SET = /^\[([!^]?)(\]?[^\]]*)\]/;

function globExpression(glob: string): string {
  let expression = "";
  for (let i = 0; i < glob.length; i++) {
    const char = glob.charAt(i);
    const set = char === "[" ? SET.exec(glob.slice(i)) : null;
    if (set !== null) {
      const [whole, not, members = ""] = set;
      expression += `[${not === "" ? "" : "^"}${members.replaceAll(/[\\[\]^&]/g, "\\$&")}]`;
      i += whole.length - 1;
    } else if (char === "*") expression += ".*";
    else if (char === "?") expression += ".";
    else expression += char === "\\" ? RE2JS.quote(glob.charAt(++i)) : RE2JS.quote(char);
  }
  return expression;
}
