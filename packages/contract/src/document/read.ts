import type { Document, Node, Pair, Scalar, YAMLMap, YAMLSeq } from "yaml";
import type { ErrorDetail } from "../errors.ts";
import { yaml } from "./lazy.ts";

export interface Position {
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
}

/** A YAML text as plain data that still knows where each value stood. */
export interface SourceDocument {
  /** Maps are objects without a prototype. Undefined where the text could not be read at all. */
  readonly value: unknown;
  readonly problems: readonly ErrorDetail[];
  /** True where the text is no YAML, so that looking for missing fields would only add noise. */
  readonly broken: boolean;
  /** Where the value at `path` stands, else its nearest parent. */
  valueAt(path: readonly PropertyKey[]): Position;
  /** Where the key at the end of `path` stands, else as `valueAt`. */
  keyAt(path: readonly PropertyKey[]): Position;
}

export interface ReadLimits {
  readonly maxBytes: number;
}

/**
 * Bounds below which a manifest or configuration is never written by hand. Parsing costs grow faster than the text
 * for deep and for repetitive input (1 MiB of `[` took 3 s), so they are checked on the linear token stream first.
 */
const MAX_TOKENS = 200_000;
const MAX_FLOW_DEPTH = 64;
const MAX_INDICATORS_PER_LINE = 64;
const MAX_DEPTH = 32;
/** Nodes after aliases are followed: what stops "billion laughs". */
const MAX_NODES = 50_000;

const FORBIDDEN_KEYS = new Set(["__proto__"]);

export function pathKey(path: readonly PropertyKey[]): string {
  return path.map(String).join("\u0000");
}

const START: Position = { line: 1, column: 1 };

/** `triggers[0].schedule` */
export function showPath(path: readonly PropertyKey[]): string {
  let text = "";
  for (const part of path) {
    if (typeof part === "number") text += `[${part}]`;
    else text += text === "" ? String(part) : `.${String(part)}`;
  }
  return text;
}

function failed(rule: string, extra: Partial<ErrorDetail> = {}): SourceDocument {
  return {
    value: undefined,
    problems: [{ ...START, rule, ...extra }],
    broken: true,
    valueAt: () => START,
    keyAt: () => START,
  };
}

/** Why the token stream is refused before anything recursive or quadratic sees it. */
function tooComplex(text: string): string | undefined {
  const { Lexer, CST } = yaml();
  let tokens = 0;
  let depth = 0;
  let indicators = 0;
  for (const token of new Lexer().lex(text)) {
    if (++tokens > MAX_TOKENS) return `has more than ${MAX_TOKENS} YAML tokens`;
    const type = CST.tokenType(token);
    if (type === "flow-seq-start" || type === "flow-map-start") depth++;
    else if (type === "flow-seq-end" || type === "flow-map-end") depth--;
    else if (type === "newline") indicators = 0;
    else if (type === "seq-item-ind" || type === "explicit-key-ind") indicators++;
    if (depth > MAX_FLOW_DEPTH || indicators > MAX_INDICATORS_PER_LINE) return "is nested too deeply";
  }
  return undefined;
}

class Walker {
  readonly problems: ErrorDetail[] = [];
  readonly values = new Map<string, Position>();
  readonly keys = new Map<string, Position>();
  #nodes = 0;
  readonly #doc: Document;
  readonly #position: (offset: number) => Position;

  constructor(doc: Document, position: (offset: number) => Position) {
    this.#doc = doc;
    this.#position = position;
  }

  #at(node: Node | null | undefined): Position {
    const start = node?.range?.[0];
    return start === undefined ? START : this.#position(start);
  }

  /** Throws `RangeError` where the document is deeper or larger than anything written by hand. */
  walk(node: Node | null, path: readonly PropertyKey[], at?: Position): unknown {
    if (path.length > MAX_DEPTH) throw new RangeError("is nested too deeply");
    if (++this.#nodes > MAX_NODES) throw new RangeError("expands to too many values through its aliases");
    const { isAlias, isMap, isSeq, isScalar } = yaml();
    const position = at ?? this.#at(node);
    this.values.set(pathKey(path), position);
    if (node === null) return null;
    if (isAlias(node)) {
      const target = node.resolve(this.#doc);
      if (target !== undefined) return this.walk(target, path, position);
      const rule = `the anchor &${node.source} is not defined before this`;
      this.problems.push({ path: showPath(path), ...position, value: `*${node.source}`, rule });
      return null;
    }
    if (isMap(node)) return this.#map(node, path);
    if (isSeq(node)) return this.#seq(node, path);
    return isScalar(node) ? node.value : null;
  }

  #seq(node: YAMLSeq, path: readonly PropertyKey[]): unknown[] {
    return node.items.map((item, index) => this.walk(item as Node | null, [...path, index]));
  }

  #map(node: YAMLMap, path: readonly PropertyKey[]): Record<string, unknown> {
    const result = Object.create(null) as Record<string, unknown>;
    for (const pair of node.items as Pair<Node | null, Node | null>[]) {
      const key = this.#key(pair.key, path, result);
      if (key === undefined) continue;
      this.keys.set(pathKey([...path, key]), this.#at(pair.key));
      const value = this.walk(
        pair.value,
        [...path, key],
        pair.value === null ? this.#at(pair.key) : undefined,
      );
      result[key] = value;
    }
    return result;
  }

  #key(node: Node | null, path: readonly PropertyKey[], seen: Record<string, unknown>): string | undefined {
    const { isScalar } = yaml();
    const here = this.#at(node);
    const refuse = (value: unknown, rule: string, suggestion: string): undefined => {
      const at = typeof value === "string" ? [...path, value] : path;
      const shown = typeof value === "string" || value === undefined ? {} : { value };
      this.problems.push({ path: showPath(at), ...here, ...shown, rule, suggestion });
    };
    if (!isScalar(node)) return refuse(undefined, "keys must be text", "write a plain name");
    const { value } = node as Scalar;
    if (value === "<<") {
      return refuse("<<", "merge keys are not supported", "write the merged fields out");
    }
    if (typeof value !== "string") {
      return refuse(value, "keys must be text", `put the key in quotes: "${String(value)}"`);
    }
    if (FORBIDDEN_KEYS.has(value)) return refuse(value, "this key is not allowed", "use another name");
    if (Object.hasOwn(seen, value)) {
      const first = this.keys.get(pathKey([...path, value]));
      return refuse(value, "is given twice", `keep one; the first is on line ${first?.line ?? "?"}`);
    }
    return value;
  }
}

function syntaxRule(code: string, message: string): Pick<ErrorDetail, "rule" | "suggestion"> {
  if (code === "MULTIPLE_DOCS") {
    return { rule: "must be one YAML document", suggestion: "remove what follows the second `---`" };
  }
  if (code === "TAB_AS_INDENT") return { rule: "tabs cannot indent YAML", suggestion: "use spaces" };
  if (code === "TAG_RESOLVE_FAILED")
    return { rule: "YAML tags are not supported", suggestion: "remove the tag" };
  return { rule: `is not valid YAML: ${message.split("\n")[0]?.replace(/:$/, "") ?? message}` };
}

/** Reads one YAML document safely: bounded in size, depth and expansion, without tags, merges or odd keys. */
export function readYaml(text: string, limits: ReadLimits): SourceDocument {
  const bytes = Buffer.byteLength(text);
  if (bytes > limits.maxBytes) {
    return failed(`must be at most ${limits.maxBytes} bytes, this one has ${bytes}`);
  }
  const complex = tooComplex(text);
  if (complex !== undefined) return failed(complex);
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof RangeError)
      return failed(error.message.includes("stack") ? "is nested too deeply" : error.message);
    throw error;
  }
}

function parse(text: string): SourceDocument {
  const { LineCounter, parseDocument } = yaml();
  const lineCounter = new LineCounter();
  const position = (offset: number): Position => {
    const { line, col } = lineCounter.linePos(offset);
    return { line, column: col };
  };
  // `uniqueKeys` compares every pair (60,000 keys took 23 s); the walker keeps a map instead.
  const doc = parseDocument(text, {
    lineCounter,
    prettyErrors: false,
    uniqueKeys: false,
    merge: false,
    version: "1.2",
    logLevel: "error",
  });
  const syntax = [...doc.errors, ...doc.warnings].map((error): ErrorDetail => {
    if (error.message.includes("call stack")) throw new RangeError("is nested too deeply");
    return { ...position(error.pos[0]), ...syntaxRule(error.code, error.message) };
  });
  const walker = new Walker(doc, position);
  const value = walker.walk(doc.contents as Node | null, []);
  const lookUp = (map: ReadonlyMap<string, Position>, path: readonly PropertyKey[]): Position => {
    const own = map.get(pathKey(path));
    if (own !== undefined) return own;
    for (let length = path.length; length >= 0; length--) {
      const found =
        walker.keys.get(pathKey(path.slice(0, length))) ?? walker.values.get(pathKey(path.slice(0, length)));
      if (found !== undefined) return found;
    }
    return START;
  };
  return {
    value,
    problems: [...syntax, ...walker.problems],
    broken: doc.errors.some((error) => error.code !== "MULTIPLE_DOCS"),
    valueAt: (path) => lookUp(walker.values, path),
    keyAt: (path) => lookUp(walker.keys, path),
  };
}
