import { readFileSync } from "node:fs";
import { isAbsolute, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";

export interface Place {
  /** Relative to the source. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly column?: number | undefined;
}

const AROUND = 2;
const MAX_WIDTH = 160;
/** Python's, then `at f (file:///x.ts:1:2)`, `x.go:12`, `--> src/x.rs:1:2`. */
const FRAMES = [
  /File "([^"]+)", line (\d+)/g,
  /(?:\(|\s|^|@)((?:file:\/\/)?[^\s():]+\.[A-Za-z]{1,4}):(\d+)(?::(\d+))?/gm,
];

function inside(root: string, file: string): string | undefined {
  const path = file.startsWith("file://") ? fileURLToPath(file) : file;
  const below = relative(root, resolve(root, path));
  if (below.startsWith("..") || isAbsolute(below) || below.includes(`node_modules${sep}`)) return undefined;
  return below.startsWith(".hanzo") ? undefined : below;
}

/** The frame of a trace that is the author's own and nearest to the error. */
export function placeIn(trace: string, root: string): Place | undefined {
  const found = FRAMES.map((pattern) =>
    [...trace.matchAll(pattern)].flatMap(([, file, line, column]) => {
      const below = inside(root, file as string);
      const place = {
        file: below,
        line: Number(line),
        column: column === undefined ? undefined : Number(column),
      };
      return below === undefined ? [] : [place as Place];
    }),
  );
  // Python writes the newest call last, all others write it first.
  return found[0]?.at(-1) ?? found[1]?.[0];
}

/** The lines around a place with their numbers, and a mark; none where the file cannot be read. */
export function excerpt(root: string, { file, line, column }: Place): string[] {
  let lines: string[];
  try {
    lines = readFileSync(resolve(root, file), "utf8").split("\n");
  } catch {
    return [];
  }
  if (line < 1 || line > lines.length) return [];
  const from = Math.max(1, line - AROUND);
  const to = Math.min(lines.length, line + AROUND);
  const width = String(to).length;
  return lines.slice(from - 1, to).flatMap((text, i) => {
    const number = from + i;
    const shown = text.replaceAll("\t", "  ").slice(0, MAX_WIDTH);
    const row = `${number === line ? ">" : " "} ${String(number).padStart(width)} | ${shown}`;
    if (number !== line || column === undefined || column > text.length + 1) return [row];
    const tabs = text.slice(0, column - 1).replaceAll("\t", "  ").length;
    return [row, `${" ".repeat(width + 3)}| ${" ".repeat(tabs)}^`];
  });
}
