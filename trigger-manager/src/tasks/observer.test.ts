import { createRegistry } from "@hanzo-fn/telemetry";
import { expect, test } from "vitest";
import { createTaskMetrics } from "./observer.ts";

const waiting = { org: "acme", function: "f", queued: 3, oldestMs: 1500 };

test("what waits is shown as it was counted last, and as none when it is gone", () => {
  const registry = createRegistry("x");
  const metrics = createTaskMetrics(registry);
  expect(registry.text()).not.toContain("x_tasks_queued{");
  metrics.backlog([waiting]);
  expect(metrics.queued("acme", "f")).toBe(3);
  expect(registry.text()).toContain('x_tasks_queued{function="f",org="acme"} 3');
  expect(registry.text()).toContain('x_tasks_oldest_age_seconds{function="f",org="acme"} 1.5');
  metrics.backlog([]);
  expect(metrics.queued("acme", "f")).toBe(0);
  expect(registry.text()).toContain('x_tasks_queued{function="f",org="acme"} 0');
});

test("what could not be counted is absent, not 0", () => {
  const registry = createRegistry("x");
  const metrics = createTaskMetrics(registry);
  metrics.backlog([waiting]);
  metrics.backlog(undefined);
  expect(registry.text()).not.toContain("x_tasks_queued{");
  expect(registry.text()).not.toContain("x_tasks_oldest_age_seconds{");
});

test("nothing is left of a function that is forgotten", () => {
  const registry = createRegistry("x");
  const metrics = createTaskMetrics(registry);
  metrics.accepted("acme", "f");
  metrics.backlog([waiting]);
  metrics.forget("f");
  metrics.backlog([]);
  expect(registry.text()).not.toContain('function="f"');
});

test("acceptances and ends are counted by function, organisation and state", () => {
  const registry = createRegistry("x");
  const metrics = createTaskMetrics(registry);
  metrics.accepted("acme", "f");
  metrics.ended({ org: "acme", function: "f" }, "timeout");
  expect(registry.text()).toContain('x_tasks_accepted_total{function="f",org="acme"} 1');
  expect(registry.text()).toContain('x_tasks_finished_total{function="f",org="acme",state="timeout"} 1');
});
