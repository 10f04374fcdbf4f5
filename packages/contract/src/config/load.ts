import { yaml } from "../document/lazy.ts";
import { detail, inOrder, toProblems, type Problem } from "../document/issues.ts";
import { readYaml, type SourceDocument } from "../document/read.ts";
import { didYouMean } from "../document/suggest.ts";
import type { ErrorDetail } from "../errors.ts";
import {
  isField,
  typedName,
  type DefaultContext,
  type Field,
  type LaterField,
  type Section,
} from "./field.ts";
import { chosenEngine } from "./engine.ts";
import { configKeys, ownVariable, type ConfigKey } from "./registry.ts";
import { configRules } from "./rules.ts";
import { SECTIONS, type Config } from "./sections.ts";
import { brokenVariable, isWholeVariable, substitute } from "./substitute.ts";

export interface ConfigSources {
  /** Content of the configuration file, if there is one. */
  readonly text?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** By path in the file: `{ "server.api_port": "9000" }`. */
  readonly flags?:
    | Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>
    | undefined;
}

export interface LoadedConfig {
  /** Complete; where a key has a problem it holds the default. Do not start while there are problems. */
  readonly config: Config;
  readonly warnings: readonly ErrorDetail[];
  readonly problems: readonly ErrorDetail[];
}

const MAX_CONFIG_BYTES = 1_048_576;

/** Keys that the local engine does not read: checked, and without effect there. */
function isOfKnative([section, , key]: readonly string[]): boolean {
  return section === "knative" || section === "images" || (section === "runtimes" && key === "image");
}

type Origin = "flag" | "own" | "env" | "file" | "default";

/** What one key was given, before it is checked. */
interface Given {
  readonly origin: Origin;
  /** Where a reader finds it: `--server.api_port`, `DATABASE_URL`. */
  readonly name: string;
  readonly value: unknown;
  /** As written in the file, before variables were replaced. */
  readonly written?: unknown;
  /** Came through the environment, so that its type has to be guessed. */
  readonly untyped: boolean;
}

/** A section all of whose keys belong to later releases is not there in the typed form. */
function hasEffect(section: Section): boolean {
  return Object.values(section).some((entry) => (isField(entry) ? entry.kind === "field" : hasEffect(entry)));
}

class Loader {
  readonly warnings: ErrorDetail[] = [];
  /** Warnings that hold where the local engine is chosen. */
  readonly ofKnative: ErrorDetail[] = [];
  readonly problems: ErrorDetail[] = [];
  readonly #document: SourceDocument | undefined;
  readonly #sources: ConfigSources;
  readonly #context: DefaultContext;

  constructor(document: SourceDocument | undefined, sources: ConfigSources) {
    this.#document = document;
    this.#sources = sources;
    const { env } = sources;
    const database = env["DATABASE_URL"] || env[ownVariable("database.url")];
    this.#context = { env, configured: sources.text !== undefined || Boolean(database) };
  }

  section(section: Section, path: readonly string[]): Record<string, unknown> {
    const result: Record<string, unknown> = {};
    for (const [name, entry] of Object.entries(section)) {
      const here = [...path, name];
      if (!isField(entry)) {
        const inner = this.section(entry, here);
        if (hasEffect(entry)) result[typedName(name, entry)] = inner;
      } else if (entry.kind === "field") {
        const value = this.#value(entry, here);
        if (value !== undefined) result[typedName(name, entry)] = value;
      } else {
        this.#later(entry, here);
      }
    }
    return result;
  }

  #fallback(entry: Field<unknown> | LaterField): unknown {
    const { fallback } = entry;
    return typeof fallback === "function"
      ? (fallback as (context: DefaultContext) => unknown)(this.#context)
      : fallback;
  }

  #value(entry: Field<unknown>, path: readonly string[]): unknown {
    const given = this.#given(entry, path);
    if (given !== undefined) {
      const checked = this.#check(entry, path, given);
      if (checked !== undefined && given.origin === "file" && isOfKnative(path)) {
        this.#report(this.ofKnative, entry, path, given, { rule: "has no effect with the local engine" });
      }
      if (checked !== undefined) return checked.value;
    }
    const fallback = this.#fallback(entry);
    return fallback === undefined ? undefined : entry.leaf().parse(fallback);
  }

  #later(entry: LaterField, path: readonly string[]): void {
    const given = this.#given(entry, path);
    if (given === undefined || this.#check(entry, path, given) === undefined) return;
    const values = [given.written ?? given.value, this.#untyped(given.value)].map((value) =>
      JSON.stringify(value),
    );
    const isDefault = values.includes(JSON.stringify(this.#fallback(entry)));
    const isPrinted = entry.printed.some((value) => values.includes(JSON.stringify(value)));
    // A known variable may be meant for something else in the same environment: it warns, whatever it says.
    if (given.origin !== "env" && !isDefault && !isPrinted) {
      const rule = "belongs to a later release: only its default is accepted";
      this.#report(this.problems, entry, path, given, { rule, suggestion: "remove it" });
    } else if (given.origin === "file" || !isDefault) {
      this.#report(this.warnings, entry, path, given, { rule: "has no effect in this release" });
    }
  }

  /** The value of a key from the strongest source that names it: flag, own variable, known variable, file. */
  #given(entry: Field<unknown> | LaterField, path: readonly string[]): Given | undefined {
    const key = path.join(".");
    const flag = this.#sources.flags?.[key];
    if (flag !== undefined)
      return { origin: "flag", name: `flag ${key}`, value: this.#list(entry, flag), untyped: true };
    const { env } = this.#sources;
    for (const [index, name] of [ownVariable(key), ...entry.env].entries()) {
      const value = env[name];
      if (value === undefined || value === "") continue;
      return { origin: index === 0 ? "own" : "env", name, value: this.#list(entry, value), untyped: true };
    }
    return this.#fromFile(entry, path);
  }

  #list(entry: Field<unknown> | LaterField, value: unknown): unknown {
    if (!entry.list || typeof value !== "string") return value;
    return value
      .split(",")
      .map((item) => item.trim())
      .filter((item) => item !== "");
  }

  #fromFile(entry: Field<unknown> | LaterField, path: readonly string[]): Given | undefined {
    let written: unknown = this.#document?.value;
    for (const name of path) {
      if (typeof written !== "object" || written === null || !Object.hasOwn(written, name)) return undefined;
      written = (written as Record<string, unknown>)[name];
    }
    const name = path.join(".");
    const untyped = typeof written === "string" && isWholeVariable(written);
    const value = this.#expand(written, path);
    if (value === undefined || value === null) return undefined;
    return { origin: "file", name, value: untyped ? this.#list(entry, value) : value, written, untyped };
  }

  /** Replaces variables; undefined where one is not set. */
  #expand(value: unknown, path: readonly PropertyKey[]): unknown {
    if (Array.isArray(value)) {
      return value
        .map((item, index) => this.#expand(item, [...path, index]))
        .filter((item) => item !== undefined);
    }
    if (typeof value === "object" && value !== null) {
      const entries = Object.entries(value).map(
        ([key, item]) => [key, this.#expand(item, [...path, key])] as const,
      );
      return Object.fromEntries(entries.filter(([, item]) => item !== undefined));
    }
    if (typeof value !== "string") return value;
    if (brokenVariable(value)) {
      const rule = "has a variable that is not written as ${NAME} or ${NAME:-default}";
      this.#add(this.problems, { path, rule, suggestion: "write $$ for a dollar sign" });
      return undefined;
    }
    const { text, unset } = substitute(value, this.#sources.env);
    if (text === undefined) {
      const names = unset.map((name) => `\${${name}}`).join(", ");
      this.#add(this.warnings, { path, rule: `is left out, because ${names} is not set` });
    }
    return text;
  }

  /** A text from outside as YAML would type it. */
  #untyped(value: unknown): unknown {
    if (typeof value !== "string") return value;
    try {
      return yaml().parse(value, { version: "1.2", logLevel: "error", maxAliasCount: 0 }) as unknown;
    } catch {
      return value;
    }
  }

  #check(
    entry: Field<unknown> | LaterField,
    path: readonly string[],
    given: Given,
  ): { value: unknown } | undefined {
    const leaf = entry.leaf();
    const first = leaf.safeParse(given.value);
    if (first.success) return { value: first.data };
    const second = given.untyped ? leaf.safeParse(this.#untyped(given.value)) : first;
    if (second.success) return { value: second.data };
    for (const problem of toProblems(leaf, given.value, first.error.issues)) {
      const inner = { ...problem, path: [...path, ...problem.path] };
      this.#report(this.problems, entry, inner.path, given, inner);
    }
    return undefined;
  }

  #report(
    into: ErrorDetail[],
    entry: Field<unknown> | LaterField,
    path: readonly PropertyKey[],
    given: Given,
    problem: Pick<Problem, "rule" | "suggestion">,
  ): void {
    if (given.origin === "file") return this.#add(into, { ...problem, path }, entry.secret || given.untyped);
    const shown =
      entry.secret || given.origin === "env" || given.origin === "own" ? {} : { value: given.value };
    const { rule, suggestion } = problem;
    into.push({
      path: path.join("."),
      ...shown,
      rule: `${rule} (set by ${given.name})`,
      ...(suggestion === undefined ? {} : { suggestion }),
    });
  }

  #add(into: ErrorDetail[], problem: Problem, secret = false): void {
    if (this.#document === undefined) return;
    const { value, ...rest } = detail(this.#document, problem);
    into.push({ ...rest, ...(secret || value === undefined ? {} : { value }) });
  }

  /** Keys of the file that no section knows. */
  unknownKeys(value: unknown, section: Section, path: readonly string[]): void {
    if (value === null || value === undefined) return;
    if (typeof value !== "object" || Array.isArray(value)) {
      this.#add(this.problems, { path, rule: "must be a map of fields" });
      return;
    }
    for (const [key, inner] of Object.entries(value)) {
      const here = [...path, key];
      const entry = Object.hasOwn(section, key) ? section[key] : undefined;
      if (entry === undefined) this.#unknown(section, here, key);
      else if (!isField(entry)) this.unknownKeys(inner, entry, here);
    }
  }

  #unknown(section: Section, path: readonly string[], key: string): void {
    const elsewhere = configKeys().find((known) => known.path.endsWith(`.${key}`));
    const near = didYouMean(key, Object.keys(section));
    const suggestion = near ?? (elsewhere === undefined ? undefined : `did you mean \`${elsewhere.path}\`?`);
    this.#add(this.problems, { path, rule: "is not a known key", suggestion, key: true });
  }

  unknownFlags(known: readonly ConfigKey[]): void {
    const paths = known.map((key) => key.path);
    for (const path of Object.keys(this.#sources.flags ?? {})) {
      if (paths.includes(path)) continue;
      const suggestion = didYouMean(path, paths);
      this.problems.push({
        path,
        rule: "is not a known key",
        ...(suggestion === undefined ? {} : { suggestion }),
      });
    }
  }
}

/**
 * The configuration from its sources, strongest first: flags, `HANZO_FN_<PATH>` variables, the variables that the
 * standard and its neighbours name (`DATABASE_URL`), the file, defaults. Nothing is thrown: every problem is in the
 * answer, with line and column where it stands in the file. Values of secrets are in none of them.
 */
export function loadConfig(sources: ConfigSources): LoadedConfig {
  const document =
    sources.text === undefined ? undefined : readYaml(sources.text, { maxBytes: MAX_CONFIG_BYTES });
  const loader = new Loader(document, sources);
  const sections = SECTIONS as unknown as Section;
  if (document !== undefined) {
    loader.problems.push(...document.problems);
    if (!document.broken) loader.unknownKeys(document.value, sections, []);
  }
  loader.unknownFlags(configKeys());
  const config = loader.section(sections, []) as unknown as Config;
  const ofKnative =
    chosenEngine({ engine: config.engine, registry: config.images.registry }, sources.env) === "local"
      ? loader.ofKnative
      : [];
  const broken = configRules(config).map((problem): ErrorDetail => {
    if (document !== undefined) return detail(document, problem);
    const { rule, suggestion } = problem;
    return { path: problem.path.join("."), rule, ...(suggestion === undefined ? {} : { suggestion }) };
  });
  return {
    config,
    warnings: inOrder([...loader.warnings, ...ofKnative]),
    problems: inOrder([...loader.problems, ...broken]),
  };
}
