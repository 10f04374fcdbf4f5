import { createRegistry, silentLogger } from "@hanzo-fn/telemetry";
import { createFakeClock } from "@hanzo-fn/testkit";
import { expect, it } from "vitest";
import { CRON } from "../test-setup.ts";
import type { Lag, Served, TriggerKind } from "./kind.ts";
import { watchLag } from "./lag.ts";
import { createTriggerMetrics } from "./metrics.ts";

const trigger = (id: string): Served => ({ id, org: "acme", function: "f", spec: CRON });

it("a lag that cannot be read is absent, never 0, and gone with its trigger", async () => {
  const clock = createFakeClock();
  const registry = createRegistry("hanzo_fn");
  const stop = new AbortController();
  let served = [trigger("a"), trigger("b")];
  let read: () => Promise<ReadonlyMap<string, Lag>> = () =>
    Promise.resolve(new Map([["a", { items: 3, seconds: 1.5 }]]));
  const kind = { type: "cron" } as unknown as TriggerKind;
  const done = watchLag(
    {
      kinds: new Map([["cron", kind]]),
      served: () => served,
      lagOf: () => read(),
      metrics: createTriggerMetrics(registry),
      clock,
      log: silentLogger,
    },
    stop.signal,
  );
  const lines = (id: string): string[] =>
    registry
      .text()
      .split("\n")
      .filter((line) => line.includes(`id="${id}"`))
      .map((line) => line.replace(/\{.*\}/, ""));
  await clock.advance(1);
  expect(lines("a")).toEqual([
    "hanzo_fn_trigger_lag 1.5",
    "hanzo_fn_trigger_lag_items 3",
    "hanzo_fn_trigger_lag_up 1",
  ]);
  expect(lines("b")).toEqual(["hanzo_fn_trigger_lag_up 0"]);
  read = () => Promise.reject(new Error("no database"));
  await clock.advance(10_000);
  expect([lines("a"), lines("b")]).toEqual([["hanzo_fn_trigger_lag_up 0"], ["hanzo_fn_trigger_lag_up 0"]]);
  served = [trigger("b")];
  await clock.advance(10_000);
  expect(lines("a")).toEqual([]);
  stop.abort();
  await done;
});
