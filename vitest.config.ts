import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

// Templates have tests of their own, for their users; images that were unpacked have copies of them.
const exclude = ["**/node_modules/**", ".cache/**", "**/fixtures/**", "runtimes/*/templates/**"];
// Tests of the longer tier: the project `images` assembles what they need, and runs the conformance suite inside.
const images = "runtimes/images/**";
// What needs a cluster, or what a cluster is built from.
const cluster = "**/*.cluster.test.ts";
// End to end tests whose scenarios are the same on a cluster, word for word.
const onEveryEngine = ["e2e/{events,languages,metrics}.test.ts"];
// Too long for every run; scripts/test.ts --long names them.
const longer =
  process.env["LONG"] === undefined
    ? [
        "benchmarks/src/runtimes.it.test.ts",
        "e2e/bad-input-bodies.test.ts",
        "e2e/models.test.ts",
        "trigger-manager/src/cron/every-zone.it.test.ts",
        "trigger-manager/src/inference/killed.it.test.ts",
        "trigger-manager/src/stream/kafka/kafkajs.it.test.ts",
      ]
    : [];

// Tests wait more than they compute: one worker less than there are cores (the default) leaves half of two cores idle.
const maxWorkers = Math.max(2, availableParallelism());
// A machine that computes something else may stand still for seconds: what is waited for comes late, and not never.
const expectOptions = { poll: { timeout: 30_000 } };

/** They take minutes each: begun last, they would leave the other cores without work. */
const longest = ["new-user", "crash", "samples", "dev-compiled"].map((name) => `/e2e/${name}.test.ts`);

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification): number => {
      const found = longest.findIndex((end) => moduleId.endsWith(end));
      return found < 0 ? longest.length : found;
    };
    return (await super.sort(files)).toSorted((a, b) => place(a) - place(b));
  }
}

export default defineConfig({
  test: {
    maxWorkers,
    sequence: { sequencer: LongestFirst },
    // The tests on a cluster wait until it is rid of what they made.
    teardownTimeout: 180_000,
    projects: [
      {
        test: {
          name: "unit",
          include: ["**/*.test.ts"],
          exclude: [
            ...exclude,
            images,
            "**/*.it.test.ts",
            cluster,
            "e2e/*.test.ts",
            "e2e/knative/**",
            "e2e/samples/**",
          ],
          // Modules have no state of their own, so files share workers: to import everything for each file anew took
          // longer than the tests themselves.
          isolate: false,
          // A first import of much, on a machine that computes something else.
          testTimeout: 60_000,
          hookTimeout: 60_000,
          expect: expectOptions,
        },
      },
      {
        test: {
          name: "integration",
          include: ["**/*.it.test.ts"],
          exclude: [...exclude, ...longer, "e2e/**"],
          globalSetup: ["packages/testkit/src/postgres-setup.ts"],
          testTimeout: 90_000,
          hookTimeout: 120_000,
          expect: expectOptions,
        },
      },
      {
        test: {
          name: "images",
          include: ["runtimes/images/**/*.test.ts", "runtimes/conformance/*.it.test.ts"],
          exclude: [...exclude, cluster],
          env: { CONFORMANCE_IMAGES: fileURLToPath(new URL(".cache/images", import.meta.url)) },
          globalSetup: ["runtimes/images/setup.ts"],
          testTimeout: 90_000,
          hookTimeout: 120_000,
          expect: expectOptions,
        },
      },
      {
        test: {
          name: "cluster",
          include: [cluster],
          exclude,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          expect: expectOptions,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: "e2e",
          include: ["e2e/**/*.test.ts"],
          exclude: [...exclude, ...longer, "e2e/cluster/**", "e2e/knative/**"],
          testTimeout: 120_000,
          hookTimeout: 180_000,
          expect: expectOptions,
        },
      },
      {
        test: {
          name: "knative",
          include: ["e2e/knative/*.test.ts", ...onEveryEngine],
          exclude,
          env: { HANZO_E2E_ENGINE: "knative" },
          globalSetup: ["scripts/e2e-setup.ts"],
          testTimeout: 180_000,
          hookTimeout: 240_000,
          expect: expectOptions,
          fileParallelism: false,
        },
      },
    ],
  },
});
