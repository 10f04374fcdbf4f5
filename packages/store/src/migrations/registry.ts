import type { Migration } from "kysely/migration";
import { initial } from "./0001-initial.ts";
import { kv } from "./0002-kv.ts";

/** Forward only; names sort in the order they run. A released migration is never edited. */
export const MIGRATIONS: Readonly<Record<string, Migration>> = {
  "0001-initial": initial,
  "0002-kv": kv,
};
