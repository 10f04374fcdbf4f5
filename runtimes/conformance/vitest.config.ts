import { defineConfig } from "vitest/config";

/** The suite alone, without the database that the other integration tests start. */
// oxlint-disable-next-line import/no-default-export -- vitest asks for it
export default defineConfig({
  cacheDir: "../../node_modules/.vite",
  test: {
    root: import.meta.dirname,
    include: ["*.it.test.ts"],
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
