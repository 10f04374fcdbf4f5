import type { ErrorDetail } from "@hanzo-fn/contract";
import { pathProblem } from "./source-tree.ts";

export interface Requirements {
  /** Requirement lines and allowed options, in order, without what the runtime brings itself. */
  readonly lines: readonly string[];
  readonly problems: readonly ErrorDetail[];
}

const MAX_DEPTH = 5;
/** Options that name registries or say how to choose; the others read files or change where things go. */
const OPTION =
  /^(?:-i|--index-url|--extra-index-url|--trusted-host|--pre|--prefer-binary|--only-binary|--no-binary|--require-hashes)(?:[\s=]|$)/;
const LOCAL = /^[./~]|^[A-Za-z]:[\\/]|(?:^|[@\s])\s*file:|^-e\b|^--editable\b/;
/** The SDK is the runtime's own. */
const OURS = /^hanzo[-_.]functions(?![\w.-])/i;

/** Physical lines joined at a trailing backslash, with the number of the first. */
function logicalLines(text: string): { line: number; text: string }[] {
  const lines: { line: number; text: string }[] = [];
  let open: { line: number; text: string } | undefined;
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    open ??= { line: index + 1, text: "" };
    if (raw.endsWith("\\")) {
      open.text += `${raw.slice(0, -1)} `;
      continue;
    }
    open.text = (open.text + raw).replace(/(?:^|\s)#.*$/, "").trim();
    if (open.text !== "") lines.push(open);
    open = undefined;
  }
  return lines;
}

/**
 * Reads `requirements.txt`. Included files (`-r`) become part of the result, so that one hash covers all; local
 * paths are refused, since pip would read whatever file of the machine they name.
 */
export async function readRequirements(
  file: string,
  read: (path: string) => Promise<string | undefined>,
  depth = 0,
): Promise<Requirements> {
  const lines: string[] = [];
  const problems: ErrorDetail[] = [];
  const text = await read(file);
  if (text === undefined) return { lines, problems: [{ path: file, rule: "the file does not exist" }] };
  for (const entry of logicalLines(text)) {
    const refuse = (rule: string): void => void problems.push({ path: file, line: entry.line, rule });
    const included = /^(?:-r|--requirement)[\s=]*(\S+)$/.exec(entry.text)?.[1];
    if (included !== undefined) {
      const base = file.split("/").slice(0, -1);
      const path = [...base, included.replace(/^\.\//, "")].join("/");
      if (pathProblem(path, 1024) !== undefined) refuse("an included file must lie inside the source");
      else if (depth === MAX_DEPTH) refuse("included files must not nest deeper than 5");
      else {
        const inner = await readRequirements(path, read, depth + 1);
        lines.push(...inner.lines);
        problems.push(...inner.problems);
      }
    } else if (LOCAL.test(entry.text)) refuse("local paths are not supported; ship the code in the source");
    else if (entry.text.startsWith("-") && !OPTION.test(entry.text)) refuse("this option is not supported");
    else if (!OURS.test(entry.text)) lines.push(entry.text);
  }
  return { lines, problems };
}

/** The packages that requirement lines name, as modules are named. */
export function requiredNames(lines: readonly string[]): string[] {
  return lines
    .map((line) => /^[A-Za-z0-9][A-Za-z0-9._-]*/.exec(line)?.[0])
    .filter((name) => name !== undefined)
    .map((name) => name.toLowerCase().replaceAll(/[-.]+/g, "_"));
}
