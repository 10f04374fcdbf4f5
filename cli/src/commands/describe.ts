import type { FunctionDetailJson, RevisionDetailJson } from "@hanzo-fn/contract/api";
import { createClient } from "../client.ts";
import { type Command, EXIT } from "../command.ts";
import { detailLines } from "../failure.ts";
import { type Field, type Output, age, bytes, printFields, printTable } from "../output.ts";
import { milliseconds, segment, trafficText } from "../words.ts";

function printFunction(output: Output, detail: FunctionDetailJson): void {
  const limits = detail.manifest["resources"] as Record<string, unknown> | undefined;
  const scaling = detail.manifest["scaling"] as Record<string, unknown> | undefined;
  const words = (map: Record<string, unknown> | undefined): string =>
    Object.entries(map ?? {})
      .map(([key, value]) => `${key}=${String(value)}`)
      .join(" ");
  const callable = detail.invocable;
  const mode = detail.traffic_mode === "latest" ? "follows the newest" : "split by hand";
  const warnings = detail.warnings.map((warning): Field => ["Warning:", warning]);
  printFields(output, [
    ["Name:", `${detail.name} (organisation ${detail.org})`],
    ["Description:", detail.description],
    ["URL:", detail.url],
    ["Callable:", callable.ok ? "yes" : `no: ${callable.reason ?? detail.state}`],
    ["Next:", callable.next],
    ["Traffic:", `${trafficText(detail.traffic)} (${mode})`],
    ["Limits:", words(limits)],
    ["Scaling:", words(scaling)],
    ...warnings,
  ]);
}

function printRevision(output: Output, revision: RevisionDetailJson): void {
  output.line("");
  output.line(
    `Revision ${revision.name}: ${revision.state}, version ${revision.version}, ${revision.percent}% of the traffic`,
  );
  if (revision.failure !== undefined) {
    output.line(`  ${revision.failure.code}: ${revision.failure.message}`);
    for (const line of (revision.failure.details ?? []).flatMap(detailLines)) output.line(line);
    for (const line of revision.failure.log_tail) output.line(`  | ${line}`);
  }
  const phases = Object.entries(revision.phases_ms).map(([phase, ms]) => `${phase} ${milliseconds(ms)}`);
  if (phases.length > 0) output.line(`  Deploy: ${phases.join(", ")}`);
  const { metrics } = revision;
  output.line(
    `  Calls in the last hour: ${metrics.invocations}, errors ${metrics.errors}, timeouts ${metrics.timeouts}, ` +
      `cold ${metrics.cold_starts}, p50 ${milliseconds(metrics.latency_ms.p50)}, p95 ${milliseconds(metrics.latency_ms.p95)}`,
  );
  for (const instance of revision.instances) {
    const memory = instance.memory_bytes === undefined ? "" : `, ${bytes(instance.memory_bytes)}`;
    output.line(
      `  Instance ${instance.instance}: ${instance.state}, ${instance.in_flight} running, ` +
        `up ${age(instance.started_at, Date.now())}${memory}`,
    );
  }
  if (revision.instances.length === 0 && revision.state === "ready") {
    output.line("  No instances: scaled to zero; the next call starts one.");
  }
}

export const describe: Command = {
  name: "describe",
  summary: "Show a function on one screen: state, traffic, limits, why it cannot be called",
  args: [{ name: "name", required: true, summary: "the function", completes: "functions" }],
  flags: [
    {
      name: "revision",
      type: "string",
      value: "REVISION",
      summary: "show this revision (default: the newest and those with traffic)",
      completes: "revisions",
    },
  ],
  examples: ["hanzo-fn describe embed-document"],
  async run(invocation) {
    const { output, flags } = invocation;
    const client = await createClient(invocation);
    const path = `/v1/functions/${segment(invocation.args[0] as string)}`;
    const detail = await client.call<FunctionDetailJson>("GET", path);
    const chosen = flags.text("revision");
    const names =
      chosen === undefined
        ? [...new Set([detail.latest_revision, ...detail.traffic.map((target) => target.revisionName)])]
        : [chosen];
    const revisions = await Promise.all(
      names.map((name) => client.call<RevisionDetailJson>("GET", `${path}/revisions/${segment(name)}`)),
    );
    await output.result(
      { ...detail, revision_details: revisions },
      () => {
        printFunction(output, detail);
        for (const revision of revisions) printRevision(output, revision);
        output.line("");
        printTable(
          output,
          [
            { title: "TRIGGER", value: (row) => row.type },
            { title: "SOURCE", value: (row) => row.source },
            { title: "STATE", value: (row) => row.state },
            { title: "URL", value: (row) => row.url ?? "" },
          ],
          detail.triggers,
        );
      },
      () => [detail.name],
    );
    return EXIT.ok;
  },
};
