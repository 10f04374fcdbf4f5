import { configKeys, type ConfigKey } from "@hanzo-fn/contract";
import { code, fill, table } from "./table.ts";

function shownDefault(key: ConfigKey): string {
  const { fallback } = key.entry;
  return fallback === undefined || typeof fallback === "function" ? "" : code(fallback);
}

function rows(keys: readonly ConfigKey[]): string {
  return table(
    ["key", "default", "variables", "meaning"],
    keys.map((key) => [
      code(key.path),
      shownDefault(key),
      key.env.map(code).join(", "),
      key.entry.description,
    ]),
  );
}

/** `docs/configuration.md` with its tables made from the schema. */
export function configurationPage(page: string): string {
  const keys = configKeys();
  return fill(page, {
    keys: rows(keys.filter((key) => key.effective)),
    later: rows(keys.filter((key) => !key.effective)),
  });
}
