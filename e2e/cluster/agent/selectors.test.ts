import { expect, test } from "vitest";
import { selects } from "./selectors.ts";

const labels = { app: "server", tier: "front" };
const expression = (key: string, operator: string, values?: string[]) => ({
  matchExpressions: [{ key, operator, ...(values === undefined ? {} : { values }) }],
});

test.each([
  ["an empty selector selects everything", {}, true],
  ["all labels have to be equal", { matchLabels: { app: "server", tier: "back" } }, false],
  ["In wants one of the values", expression("app", "In", ["client", "server"]), true],
  ["In wants the label", expression("zone", "In", ["a"]), false],
  ["NotIn takes an absent label", expression("zone", "NotIn", ["a"]), true],
  ["NotIn refuses a value", expression("app", "NotIn", ["server"]), false],
  ["Exists wants the label", expression("zone", "Exists"), false],
  ["DoesNotExist refuses the label", expression("app", "DoesNotExist"), false],
  ["an operator that is not known selects nothing", expression("app", "Near", ["server"]), false],
])("%s", (_, selector, selected) => {
  expect(selects(selector, labels)).toBe(selected);
});
