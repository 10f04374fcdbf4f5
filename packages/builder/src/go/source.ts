/** What the builder needs to know of a Go source, read from its text: the compiler says the rest, and says it better. */

export interface GoFile {
  /** Relative, with `/`. */
  readonly path: string;
  readonly text: string;
}

export interface Declared {
  readonly name: string;
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** Between the name and the body, for a function; undefined for a variable. */
  readonly signature: string | undefined;
}

export interface GoPackage {
  /** Directory in the source; empty for its root. */
  readonly dir: string;
  /** The name in its `package` clauses; undefined where there is no Go file. */
  readonly name: string | undefined;
  readonly exported: readonly Declared[];
  /** Where `func main()` is declared. */
  readonly main: Declared | undefined;
  readonly usesC: boolean;
}

export interface GoEntry {
  /** Directories that may hold it, the likeliest first; the root is empty. */
  readonly dirs: readonly string[];
  readonly name: string;
}

/** `Classify` and `handler.Classify` are in the root, `sub/dir.Classify` in that directory. */
export function parseGoEntry(entry: string): GoEntry {
  const dot = entry.lastIndexOf(".");
  const [place, name] = [entry.slice(0, Math.max(0, dot)), entry.slice(dot + 1)];
  if (place === "") return { dirs: [""], name };
  return { dirs: place.includes("/") ? [place] : ["", place], name };
}

/** Comments blanked out, lines kept. */
function withoutComments(text: string): string {
  const blank = (comment: string): string => comment.replaceAll(/[^\n]/g, " ");
  return text.replaceAll(/`[^`]*`|"(?:[^"\\\n]|\\.)*"|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, (match) =>
    match.startsWith("/") ? blank(match) : match,
  );
}

const lineAt = (text: string, index: number): number => text.slice(0, index).split("\n").length;

/** Declarations of the file's top level: they begin at the start of a line, as gofmt has it. */
function declarations({ path, text }: GoFile): Declared[] {
  const code = withoutComments(text);
  const found: Declared[] = [];
  for (const match of code.matchAll(/^func\s+([\p{L}_][\p{L}\p{N}_]*)\s*([([][^{]*)/gmu)) {
    const [, name = "", signature = ""] = match;
    found.push({ name, file: path, line: lineAt(code, match.index), signature: signature.trim() });
  }
  for (const match of code.matchAll(/^var\s+([\p{Lu}][\p{L}\p{N}_]*)/gmu)) {
    found.push({ name: match[1] ?? "", file: path, line: lineAt(code, match.index), signature: undefined });
  }
  for (const block of code.matchAll(/^var\s*\(\n([\s\S]*?)^\)/gmu)) {
    const start = block.index + block[0].indexOf("\n") + 1;
    for (const match of (block[1] ?? "").matchAll(/^[\t ]{1,4}([\p{Lu}][\p{L}\p{N}_]*)/gmu)) {
      const line = lineAt(code, start + match.index);
      found.push({ name: match[1] ?? "", file: path, line, signature: undefined });
    }
  }
  return found;
}

const isUpper = (name: string): boolean => /^\p{Lu}/u.test(name);

/** Files of one directory; tests and files for another system are not part of it. */
export function readGoPackage(dir: string, files: readonly GoFile[]): GoPackage {
  const own = files.filter(({ path, text }) => {
    const [folder, base] = [path.split("/").slice(0, -1).join("/"), path.split("/").at(-1) ?? ""];
    const other = /^[._]|_test\.go$|_(?:windows|darwin|js|wasip1|freebsd)(?:_\w+)?\.go$/.test(base);
    return folder === dir && base.endsWith(".go") && !other && !/^\/\/go:build ignore\s*$/m.test(text);
  });
  const declared = own.flatMap(declarations);
  const name = own
    .map(({ text }) => /^package\s+([\p{L}_][\p{L}\p{N}_]*)/mu.exec(withoutComments(text))?.[1])
    .find((clause) => clause !== undefined);
  return {
    dir,
    name,
    exported: declared.filter((item) => isUpper(item.name)),
    main: declared.find((item) => item.name === "main" && item.signature?.startsWith("(") === true),
    usesC: own.some(({ text }) => /^\s*import\s+"C"|^\s+"C"\s*$/m.test(text)),
  };
}

/** The parameters or results of a signature, split at their outer commas. */
function parts(list: string): string[] {
  const found: string[] = [];
  let [depth, from] = [0, 0];
  for (const [index, char] of [...list].entries()) {
    if ("([{".includes(char)) depth += 1;
    else if (")]}".includes(char)) depth -= 1;
    else if (char === "," && depth === 0) {
      found.push(list.slice(from, index));
      from = index + 1;
    }
  }
  return [...found, list.slice(from)].map((part) => part.trim()).filter((part) => part !== "");
}

function closing(text: string): number {
  let depth = 0;
  for (const [index, char] of [...text].entries()) {
    if (char === "(") depth += 1;
    if (char === ")" && (depth -= 1) === 0) return index;
  }
  return -1;
}

/** The shapes of runtimes/contract.md, section 2, in words. */
export const GO_SHAPES =
  "a handler is func(*sdk.Context) or func(*sdk.Context, io.Reader), and returns *sdk.Response, (*sdk.Response, error), (any, error), error or nothing";

/** What keeps a declared function from being a handler, where its text alone shows it; undefined where nothing does. */
export function shapeProblem({ name, signature }: Declared): string | undefined {
  if (signature === undefined) return undefined;
  if (signature.startsWith("[")) return `${name} has type parameters; ${GO_SHAPES}`;
  const end = closing(signature);
  if (end === -1) return undefined;
  const parameters = parts(signature.slice(1, end));
  const results = signature.slice(end + 1).trim();
  const returned = results.startsWith("(") ? parts(results.slice(1, closing(results))) : parts(results);
  const isContext = /\*\s*(?:[\p{L}_][\p{L}\p{N}_]*\.)?\p{L}[\p{L}\p{N}_]*$/u.test(parameters[0] ?? "");
  const fits = parameters.length >= 1 && parameters.length <= 2 && returned.length <= 2;
  if (fits && isContext && (returned.length < 2 || /(?:^|\s)error$/.test(returned[1] ?? "")))
    return undefined;
  return `${name} is func${signature}; ${GO_SHAPES}`;
}
