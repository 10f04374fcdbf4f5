import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { RUNTIMES, type RuntimeName } from "@hanzo-fn/contract";
import { RUNTIMES_FOLDER } from "./sdk.ts";

export interface TemplateFile {
  /** Below the new folder. */
  readonly path: string;
  readonly text: string;
}

export const DEFAULT_TEMPLATE = "http";
/** Files of every template of a language. */
const SHARED = "_all";

function templatesOf(runtime: string): string {
  return join(RUNTIMES_FOLDER, runtime, "templates");
}

/** The templates of a language, the default first. */
export async function templateNames(runtime: RuntimeName): Promise<readonly string[]> {
  const entries = await readdir(templatesOf(runtime), { withFileTypes: true }).catch(() => []);
  const names = entries
    .filter((entry) => entry.isDirectory() && entry.name !== SHARED)
    .map(({ name }) => name);
  return names.toSorted(
    (a, b) => Number(b === DEFAULT_TEMPLATE) - Number(a === DEFAULT_TEMPLATE) || (a < b ? -1 : 1),
  );
}

/** Every language with its templates, for an error. */
export async function allTemplates(): Promise<string> {
  const lists = await Promise.all(
    RUNTIMES.map(async (runtime) => `${runtime}: ${(await templateNames(runtime)).join(", ")}`),
  );
  return lists.join("; ");
}

/** How a language names a function of its handler's file. */
export function entryOf(runtime: RuntimeName, name: string): string {
  switch (runtime) {
    case "python":
    case "typescript":
      return `handler.${name}`;
    case "go":
      return `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
    case "rust":
      return `handler::${name}`;
    default:
      return runtime satisfies never;
  }
}

/** `dot-gitignore` is `.gitignore`: under its own name it would rule the repository that keeps it. */
function realName(path: string): string {
  return path.replace(/(^|\/)dot-/, "$1.");
}

async function filesBelow(folder: string): Promise<TemplateFile[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = entries.filter(
    (entry) => entry.isFile() && !/__pycache__|[/\\]target[/\\]/.test(entry.parentPath),
  );
  return Promise.all(
    files.map(async (entry) => {
      const absolute = join(entry.parentPath, entry.name);
      return { path: realName(relative(folder, absolute)), text: await readFile(absolute, "utf8") };
    }),
  );
}

/** What is filled in: `{{name}}`, `{{runtime}}`, `{{schema}}`, and `{{entry hello}}`, the entry of that function. */
function filled(text: string, values: Readonly<Record<string, string>>, runtime: RuntimeName): string {
  return text
    .replaceAll(/\{\{entry (\w+)\}\}/g, (_, name: string) => entryOf(runtime, name))
    .replaceAll(/\{\{(\w+)\}\}/g, (whole, key: string) => values[key] ?? whole);
}

/** The files of a template: of all languages, of the language, and its own; later ones win. Sorted by path. */
export async function readTemplate(
  runtime: RuntimeName,
  template: string,
  values: { readonly name: string; readonly schema: string },
): Promise<readonly TemplateFile[]> {
  const folders = [
    join(RUNTIMES_FOLDER, "templates", template),
    join(templatesOf(runtime), SHARED),
    join(templatesOf(runtime), template),
  ];
  const files = new Map<string, TemplateFile>();
  for (const folder of folders) for (const file of await filesBelow(folder)) files.set(file.path, file);
  return [...files.values()]
    .map(({ path, text }) => ({
      path,
      text: filled(text, { ...values, runtime, crate: values.name.replaceAll("-", "_") }, runtime),
    }))
    .toSorted((a, b) => (a.path < b.path ? -1 : 1));
}
