import { join } from "node:path";
import { systemClock } from "@hanzo-fn/lifecycle";
import { openStore, type Store } from "@hanzo-fn/store";
import { silentLogger } from "@hanzo-fn/telemetry";
import type { ServeHome } from "../serve-process.ts";

/** The database of a platform that is stopped. */
export async function withStore<T>(home: ServeHome, use: (store: Store) => Promise<T>): Promise<T> {
  const database = { embedded: { dataDir: join(home.path, "data") } };
  await using store = await openStore({ database, log: silentLogger, clock: systemClock });
  return await use(store);
}
