import { expect, test } from "vitest";
import { createInvocationMetrics } from "./invocation-metrics.ts";
import { createRegistry } from "./metrics.ts";

const call = {
  org: "acme",
  function: "f",
  revision: "f-00001",
  runtime: "python",
  trigger: "http",
  status: "success",
  httpStatus: 200,
  errorType: "",
  durationMs: 30,
  coldStartMs: undefined,
  requestId: "r",
  instance: "i",
  endedAtMs: 0,
} as const;

test("counts invocations, durations, errors and cold starts by their labels", () => {
  const registry = createRegistry("hanzo_fn");
  const metrics = createInvocationMetrics(registry);
  metrics.started("acme", "f");
  metrics.record(call);
  metrics.record({ ...call, status: "error", errorType: "handler_error", coldStartMs: 12 });
  const text = registry.text();
  expect(text).toContain(
    'hanzo_fn_invocations_total{function="f",org="acme",trigger="http",status="success"} 1',
  );
  expect(text).toContain(
    'hanzo_fn_invocations_total{function="f",org="acme",trigger="http",status="error"} 1',
  );
  expect(text).toContain('hanzo_fn_errors_total{function="f",org="acme",error_type="handler_error"} 1');
  expect(text).toContain('hanzo_fn_cold_starts_total{function="f",org="acme"} 1');
  expect(text).toContain(
    'hanzo_fn_duration_seconds_bucket{function="f",org="acme",trigger="http",le="0.025"} 0',
  );
  expect(text).toContain(
    'hanzo_fn_duration_seconds_bucket{function="f",org="acme",trigger="http",le="0.05"} 2',
  );
  expect(text).toContain('hanzo_fn_duration_seconds_count{function="f",org="acme",trigger="http"} 2');
  expect(text).toContain('hanzo_fn_concurrent_executions{function="f",org="acme"} 1');
});

test("a histogram counts what lies above the last bound in +Inf only", () => {
  const registry = createRegistry("x");
  const histogram = registry.histogram("d", "help", [], [1, 2]);
  histogram.observe(histogram.series(), 5);
  expect(registry.text()).toContain('x_d_bucket{le="2"} 0\nx_d_bucket{le="+Inf"} 1\nx_d_sum 5\nx_d_count 1');
});

test("label values are escaped", () => {
  const registry = createRegistry("x");
  registry.counter("c", "help", ["a"]).series('q"\\\n').value = 1;
  expect(registry.text()).toContain('x_c{a="q\\"\\\\\\n"} 1');
});

test("a forgotten function leaves no series", () => {
  const registry = createRegistry("x");
  const metrics = createInvocationMetrics(registry);
  metrics.record(call);
  metrics.forget("f");
  expect(registry.text()).not.toContain('function="f"');
});
