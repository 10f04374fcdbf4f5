import type { TaskRow } from "@hanzo-fn/store";
import { describe, expect, test } from "vitest";
import type { Pace } from "../pace.ts";
import { createClaims, type Lane } from "./claims.ts";

const F: Lane = { org: "acme", function: "f" };
const G: Lane = { org: "acme", function: "g" };
const NEVER = new AbortController().signal;
const row = (lane: Lane, id: string): TaskRow => ({ ...lane, id }) as TaskRow;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A database whose statements end when the test says, with these rows. */
function fakeTasks(pace: Pace = () => undefined) {
  const claims: { lanes: readonly (Lane & { limit: number })[]; end: PromiseWithResolvers<TaskRow[]> }[] = [];
  const released: string[] = [];
  const tasks = {
    claim: ({ lanes }: { lanes?: readonly (Lane & { limit: number })[] | undefined }) => {
      const end = Promise.withResolvers<TaskRow[]>();
      claims.push({ lanes: lanes ?? [], end });
      return end.promise;
    },
    release: (rows: readonly { id: string }[]) => {
      released.push(...rows.map(({ id }) => id));
      return Promise.resolve(rows.map(() => true));
    },
  };
  return { tasks, claims, released, made: createClaims({ tasks, owner: "o", leaseMs: 1000, pace }) };
}

describe("claims", () => {
  test("ask for the lanes that want tasks and may have some, in one statement", async () => {
    const { made, claims } = fakeTasks();
    const pulls = [made.of(F).pull(3, NEVER), made.of(G).pull(1, NEVER)];
    expect(claims).toEqual([]);
    made.wake(F);
    made.wake(G);
    expect(claims.map(({ lanes }) => lanes)).toEqual([[{ ...F, limit: 3 }]]);
    claims[0]?.end.resolve([row(F, "1")]);
    expect(await pulls[0]).toEqual([row(F, "1")]);
    await turn();
    expect(claims.map(({ lanes }) => lanes)[1]).toEqual([{ ...G, limit: 1 }]);
  });

  test("go on asking where a lane had as many as were asked for, and not where it had fewer", async () => {
    const { made, claims } = fakeTasks();
    const first = made.of(F).pull(1, NEVER);
    made.wake(F);
    claims[0]?.end.resolve([row(F, "1")]);
    await first;
    expect(made.isQuiet(F)).toBe(false);
    const second = made.of(F).pull(2, NEVER);
    await turn();
    claims[1]?.end.resolve([row(F, "2")]);
    await second;
    expect(made.isQuiet(F)).toBe(true);
  });

  test("wait for their turn, and ask then for what is wanted by then", async () => {
    const turns: PromiseWithResolvers<void>[] = [];
    const { made, claims } = fakeTasks(() => {
      turns.push(Promise.withResolvers());
      return turns.at(-1)?.promise;
    });
    const gone = new AbortController();
    const first = made.of(F).pull(5, gone.signal);
    made.wake(F);
    made.wake(G);
    void made.of(G).pull(1, NEVER);
    await turn();
    expect(claims).toEqual([]);
    gone.abort(new Error("not any more"));
    await expect(first).rejects.toThrow("not any more");
    turns[0]?.resolve();
    await turn();
    expect(claims.map(({ lanes }) => lanes)).toEqual([[{ ...G, limit: 1 }]]);
  });

  test("ask again for what was announced while a statement ran", async () => {
    const { made, claims } = fakeTasks();
    const pull = made.of(F).pull(5, NEVER);
    made.wake(F);
    made.wake(F);
    claims[0]?.end.resolve([]);
    await turn();
    expect(claims).toHaveLength(2);
    claims[1]?.end.resolve([row(F, "1")]);
    expect(await pull).toHaveLength(1);
  });

  test("give back what came for one who had gone, also where another asks in its place", async () => {
    const { made, claims, released } = fakeTasks();
    const gone = new AbortController();
    const first = made.of(F).pull(1, gone.signal);
    made.wake(F);
    gone.abort(new Error("gone"));
    await expect(first).rejects.toThrow("gone");
    const second = made.of(F).pull(1, NEVER);
    claims[0]?.end.resolve([row(F, "1")]);
    await turn();
    expect(released).toEqual(["1"]);
    claims[1]?.end.resolve([row(F, "2")]);
    expect(await second).toEqual([row(F, "2")]);
  });

  test("that fail are the failure of those who asked, and the lane stays awake", async () => {
    const { made, claims } = fakeTasks();
    const pull = made.of(F).pull(1, NEVER);
    made.wake(F);
    claims[0]?.end.reject(new Error("away"));
    await expect(pull).rejects.toThrow("away");
    expect(made.isQuiet(F)).toBe(false);
  });
});
