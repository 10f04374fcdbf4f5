import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { ErrorDetail } from "@hanzo-fn/contract";
import { pathProblem } from "./source-tree.ts";

const AROUND = 2;
const MAX_LINE = 200;
/** Of a build's many messages, as many get an excerpt. */
const MAX_EXCERPTS = 10;

/** Lines around `line` (from 1) with their numbers, and a mark below the column; undefined where there is no such line. */
export function excerptOf(text: string, line: number, column?: number): string | undefined {
  const lines = text.split("\n");
  if (line < 1 || line > lines.length) return undefined;
  const [from, to] = [Math.max(1, line - AROUND), Math.min(lines.length, line + AROUND)];
  const width = String(to).length;
  const shown: string[] = [];
  for (let number = from; number <= to; number += 1) {
    const content = (lines[number - 1] ?? "").replace("\r", "").replaceAll("\t", "    ").slice(0, MAX_LINE);
    shown.push(`${number === line ? ">" : " "} ${String(number).padStart(width)} | ${content}`.trimEnd());
    if (number !== line || column === undefined || column < 1) continue;
    const before = (lines[number - 1] ?? "").slice(0, column - 1).replaceAll("\t", "    ");
    if (before.length < MAX_LINE) shown.push(`  ${" ".repeat(width)} | ${" ".repeat(before.length)}^`);
  }
  return shown.join("\n");
}

/** The details with excerpts of the files below `root` that they are about. */
export async function withExcerpts(root: string, details: readonly ErrorDetail[]): Promise<ErrorDetail[]> {
  const texts = new Map<string, Promise<string>>();
  const read = (path: string): Promise<string> => {
    const known = texts.get(path) ?? readFile(join(root, path), "utf8").catch(() => "");
    texts.set(path, known);
    return known;
  };
  return Promise.all(
    details.map(async (detail, index) => {
      const { path, line, column } = detail;
      if (index >= MAX_EXCERPTS || path === undefined || line === undefined) return detail;
      if (pathProblem(path, 1024) !== undefined) return detail;
      const excerpt = excerptOf(await read(path), line, column);
      return excerpt === undefined ? detail : { ...detail, excerpt };
    }),
  );
}
