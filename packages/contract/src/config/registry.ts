import { once } from "../document/lazy.ts";
import { isField, typedName, type Field, type LaterField, type Section } from "./field.ts";
import { SECTIONS } from "./sections.ts";

export interface ConfigKey {
  /** As in the file: `limits.queue_timeout`. */
  readonly path: string;
  /** In TypeScript: `limits.queueTimeoutMs`. */
  readonly typedPath: string;
  /** False for keys of a later release. */
  readonly effective: boolean;
  /** Environment variables, most important first. */
  readonly env: readonly string[];
  readonly entry: Field<unknown> | LaterField;
}

export function ownVariable(path: string): string {
  return `HANZO_FN_${path.replaceAll(".", "_").toUpperCase()}`;
}

function collect(section: Section, path: readonly string[], typed: readonly string[]): ConfigKey[] {
  return Object.entries(section).flatMap(([name, entry]) => {
    const here = [...path, name];
    const there = [...typed, typedName(name, entry)];
    if (!isField(entry)) return collect(entry, here, there);
    const key = here.join(".");
    return [
      {
        path: key,
        typedPath: there.join("."),
        effective: entry.kind === "field",
        env: [ownVariable(key), ...entry.env],
        entry,
      },
    ];
  });
}

/** Every key of the configuration, in the order of the documentation. */
export const configKeys = once((): readonly ConfigKey[] => collect(SECTIONS as unknown as Section, [], []));
