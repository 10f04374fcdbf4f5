import { expect, test } from "vitest";
import { chosenEngine } from "./engine.ts";

const POD = { KUBERNETES_SERVICE_HOST: "10.0.0.1" };

test.each([
  ["auto", undefined, {}, "local"],
  ["auto", "r.example", {}, "local"],
  ["auto", undefined, POD, "local"],
  ["auto", "r.example", POD, "knative"],
  ["local", "r.example", POD, "local"],
  ["knative", "r.example", {}, "knative"],
] as const)("engine %s with registry %s and %o is %s", (engine, registry, env, chosen) => {
  expect(chosenEngine({ engine, registry }, env)).toBe(chosen);
});
