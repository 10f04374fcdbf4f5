import type { CronTrigger } from "@hanzo-fn/contract";
import { expect, test } from "vitest";
import type { Lag, Served } from "./kind.ts";
import { lagsOf } from "./lags-of.ts";

const served = (count: number): Served<CronTrigger>[] =>
  Array.from({ length: count }, (_, i) => ({
    ...{ id: `t${i}`, org: "acme", function: "f" },
    spec: {} as CronTrigger,
  }));

test("lags are read so many at once, and those that cannot be read are left out", async () => {
  let now = 0;
  let most = 0;
  const lags = await lagsOf(served(10), 3, async ({ id }): Promise<Lag | undefined> => {
    most = Math.max(most, ++now);
    await Promise.resolve();
    now--;
    if (id === "t4") throw new Error("no broker");
    return id === "t5" ? undefined : { items: Number(id.slice(1)), seconds: 0 };
  });
  expect(most).toBe(3);
  expect([...lags.keys()].sort()).toEqual(["t0", "t1", "t2", "t3", "t6", "t7", "t8", "t9"]);
  expect(lags.get("t7")).toEqual({ items: 7, seconds: 0 });
});
