import { afterAll, beforeAll } from "vitest";
import { openTestEngine, TEST_TIMES, type TestEngine } from "../../test/open-engine.ts";
import { exerciseEngine } from "../conformance.ts";

let under: TestEngine;
beforeAll(async () => {
  under = await openTestEngine();
});
afterAll(() => under.close());

exerciseEngine("local", { under: () => under, times: TEST_TIMES });
