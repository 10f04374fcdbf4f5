import type { FiguresJson, MetricsJson } from "@hanzo-fn/contract/api";
import { createClient } from "../client.ts";
import { type Command, EXIT } from "../command.ts";
import { printTable } from "../output.ts";
import { milliseconds, segment } from "../words.ts";

export const metrics: Command = {
  name: "metrics",
  summary: "Show invocations, latency, errors and cold starts",
  args: [{ name: "name", required: true, summary: "the function", completes: "functions" }],
  flags: [
    {
      name: "since",
      type: "string",
      value: "TIME",
      summary: "RFC 3339, or a duration back from now (default 1h)",
    },
    { name: "until", type: "string", value: "TIME", summary: "end of the window (default now)" },
  ],
  examples: ["hanzo-fn metrics my-function", "hanzo-fn metrics my-function --since 24h -o json"],
  async run(invocation) {
    const client = await createClient(invocation);
    const query = new URLSearchParams();
    for (const name of ["since", "until"]) {
      const value = invocation.flags.text(name);
      if (value !== undefined) query.set(name, value);
    }
    const answer = await client.call<MetricsJson>(
      "GET",
      `/v1/functions/${segment(invocation.args[0] as string)}/metrics?${query}`,
    );
    const rows: (FiguresJson & { revision: string })[] = [
      { ...answer, revision: "all" },
      ...answer.revisions,
    ];
    await invocation.output.result(
      answer,
      () =>
        printTable(
          invocation.output,
          [
            { title: "REVISION", value: (row) => row.revision },
            { title: "INVOCATIONS", value: (row) => String(row.invocations) },
            { title: "ERRORS", value: (row) => String(row.errors) },
            { title: "TIMEOUTS", value: (row) => String(row.timeouts) },
            { title: "COLD", value: (row) => String(row.cold_starts) },
            { title: "COLD AVG", value: (row) => milliseconds(row.cold_start_ms_avg), wide: true },
            { title: "P50", value: (row) => milliseconds(row.latency_ms.p50) },
            { title: "P95", value: (row) => milliseconds(row.latency_ms.p95) },
            { title: "P99", value: (row) => milliseconds(row.latency_ms.p99) },
            { title: "GB-S", value: (row) => row.gb_seconds.toFixed(3), wide: true },
          ],
          rows,
        ),
      () => answer.revisions.map((row) => row.revision),
    );
    return EXIT.ok;
  },
};
