import { systemClock } from "@hanzo-fn/lifecycle";
import { openStore } from "@hanzo-fn/store";
import { createTestDatabase, recordingLog } from "@hanzo-fn/testkit";
import { describe } from "vitest";
import { exerciseVectors, type VectorsUnderTest } from "../conformance.ts";
import { createEmbeddedVectors } from "./embedded.ts";

async function embedded(maxCacheBytes: number): Promise<VectorsUnderTest> {
  const database = await createTestDatabase();
  const store = await openStore({ database, log: recordingLog(), clock: systemClock });
  return {
    vectors: createEmbeddedVectors({ store }, { maxCacheBytes }),
    async [Symbol.asyncDispose]() {
      await store.close();
      await database[Symbol.asyncDispose]();
    },
  };
}

describe("vectors in memory", () => exerciseVectors(() => embedded(1_000_000)));
describe("no room for vectors in memory", () => exerciseVectors(() => embedded(0)));
