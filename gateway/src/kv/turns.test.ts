import { expect, it } from "vitest";
import { createTurns } from "./turns.ts";

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it("a function with many commands leaves room for its neighbours, and all have room in the end", async () => {
  const turns = createTurns({ total: 3, perFunction: 2 });
  const running: string[] = [];
  const ends: (() => void)[] = [];
  const start = (name: string): Promise<void> =>
    turns({ org: "acme", function: name }, () => {
      running.push(name);
      return new Promise<void>((resolve) => ends.push(resolve));
    });
  const all = [...Array.from({ length: 10 }, () => start("greedy")), start("a"), start("b")];
  await settle();
  expect(running).toEqual(["greedy", "greedy", "a"]);
  ends[0]?.();
  await settle();
  expect(running.slice(3)).toEqual(["b"]);
  for (let i = 1; i < 12; i++) {
    await settle();
    ends[i]?.();
  }
  await Promise.all(all);
  expect(running).toHaveLength(12);
});

it("a command that fails gives its turn on", async () => {
  const turns = createTurns({ total: 1, perFunction: 1 });
  const scope = { org: "acme", function: "f" };
  await expect(turns(scope, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(await turns(scope, () => Promise.resolve("yes"))).toBe("yes");
});
