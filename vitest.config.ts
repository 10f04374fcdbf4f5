import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

// Templates have tests of their own, for their users.
const exclude = ["**/node_modules/**", "**/fixtures/**", "runtimes/*/templates/**"];
// Tests of the longer tier: the project `images` assembles what they need, and runs the conformance suite inside.
const images = "runtimes/images/**";
// What needs a cluster, or what a cluster is built from.
const cluster = "**/*.cluster.test.ts";
// Too long for every run; scripts/test.ts --long names them.
const longer =
  process.env["LONG"] === undefined
    ? ["benchmarks/src/runtimes.it.test.ts", "e2e/bad-input-bodies.test.ts", "e2e/models.test.ts"]
    : [];

// Tests wait more than they compute: one worker less than there are cores (the default) leaves half of two cores idle.
const maxWorkers = Math.max(2, availableParallelism());

export default defineConfig({
  test: {
    maxWorkers,
    projects: [
      {
        test: {
          name: "unit",
          include: ["**/*.test.ts"],
          exclude: [...exclude, images, "**/*.it.test.ts", cluster, "e2e/*.test.ts", "e2e/samples/**"],
        },
      },
      {
        test: {
          name: "integration",
          include: ["**/*.it.test.ts"],
          exclude: [...exclude, ...longer, "e2e/**"],
          globalSetup: ["packages/testkit/src/postgres-setup.ts"],
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "images",
          include: ["runtimes/images/**/*.test.ts", "runtimes/conformance/*.it.test.ts"],
          exclude,
          env: { CONFORMANCE_IMAGES: fileURLToPath(new URL(".cache/images", import.meta.url)) },
          globalSetup: ["runtimes/images/setup.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: "cluster",
          include: [cluster],
          exclude,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: "e2e",
          include: ["e2e/**/*.test.ts"],
          exclude: [...exclude, ...longer, "e2e/cluster/**"],
          testTimeout: 60_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
