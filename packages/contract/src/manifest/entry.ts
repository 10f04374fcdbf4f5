import { refuse, type Refused } from "../document/leaf.ts";
import type { RuntimeName } from "./types.ts";

const FORMS: Readonly<Record<RuntimeName, { pattern: RegExp; rule: string }>> = {
  python: {
    pattern: /^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+$/,
    rule: "must be `module.function` for the runtime python, for example handler.embed",
  },
  typescript: {
    pattern:
      /^(?:[A-Za-z0-9_@-][A-Za-z0-9_@.-]*\/)*[A-Za-z0-9_@-][A-Za-z0-9_@.-]*\.[A-Za-z_$][A-Za-z0-9_$]*$/,
    rule: "must be `file.export` for the runtime typescript, for example handler.webhook",
  },
  go: {
    pattern: /^((?:[A-Za-z0-9_-][A-Za-z0-9_.-]*\/)*[A-Za-z0-9_-]+\.)?[A-Z][A-Za-z0-9_]*$/,
    rule: "must be an exported `Func`, `handler.Func` or `sub/dir.Func` for the runtime go, for example Classify",
  },
  rust: {
    pattern: /^[A-Za-z_][A-Za-z0-9_]*((::|\.)[A-Za-z_][A-Za-z0-9_]*)*$/,
    rule: "must be `module::function`, or a `function` of src/lib.rs, for the runtime rust, for example handler::transcribe",
  },
};

function suggestEntry(runtime: RuntimeName, entry: string): string | undefined {
  const dots = entry
    .replace(/^\.\//, "")
    .replace(/\.(py|ts|js|mjs|rs|go)(?=[.:#]|$)/, "")
    .replace(/(::|:|#)/, ".");
  const candidate = runtime === "python" ? dots.replaceAll("/", ".") : dots;
  for (const attempt of [candidate, `${candidate}.handler`]) {
    if (attempt !== entry && FORMS[runtime].pattern.test(attempt)) return `for example ${attempt}`;
  }
  return undefined;
}

/** What is wrong with an entry point of this runtime; undefined where nothing is. */
export function entryProblem(runtime: RuntimeName, entry: string): Refused | undefined {
  const form = FORMS[runtime];
  if (/\.(py|ts|js|mjs|rs|go)$/.test(entry)) {
    return refuse(`names a file, not a function: it ${form.rule}`, suggestEntry(runtime, entry));
  }
  return form.pattern.test(entry) ? undefined : refuse(form.rule, suggestEntry(runtime, entry));
}
