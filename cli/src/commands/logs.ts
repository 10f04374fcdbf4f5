import type { LogEntryJson } from "@hanzo-fn/contract/api";
import { LOG_LEVELS } from "@hanzo-fn/contract/logs";
import { createClient, toApiError } from "../client.ts";
import { type Command, EXIT, UsageError } from "../command.ts";
import { readEvents } from "../events.ts";
import type { Output } from "../output.ts";
import { segment } from "../words.ts";

function printEntry(output: Output, entry: LogEntryJson): void {
  if (output.format === "json") return output.line(JSON.stringify(entry));
  // JSON is YAML: one entry of a sequence a line, as the lines come.
  if (output.format === "yaml") return output.line(`- ${JSON.stringify(entry)}`);
  const fields = entry.fields === undefined ? "" : ` ${JSON.stringify(entry.fields)}`;
  const request = entry.request_id === undefined ? "" : ` ${entry.request_id}`;
  const wide = output.format === "wide" ? ` ${entry.instance} ${entry.stream}` : "";
  output.line(
    `${entry.ts} ${entry.level.padEnd(5)} ${entry.revision.slice(-5)}${wide}${request} ${entry.msg}${fields}`,
  );
}

export const logs: Command = {
  name: "logs",
  summary: "Show or follow the log of a function",
  args: [{ name: "name", required: true, summary: "the function", completes: "functions" }],
  flags: [
    { name: "follow", short: "f", type: "boolean", summary: "go on with new lines as they come" },
    {
      name: "since",
      type: "string",
      value: "TIME",
      summary: "RFC 3339, or a duration back from now, for example 10m",
    },
    { name: "until", type: "string", value: "TIME", summary: "RFC 3339, or a duration back from now" },
    { name: "level", type: "string", value: "LEVEL", summary: "this level and above", choices: LOG_LEVELS },
    { name: "request-id", type: "string", value: "ID", summary: "only lines of this call" },
    {
      name: "revision",
      type: "string",
      value: "REVISION",
      summary: "only this revision",
      completes: "revisions",
    },
    { name: "limit", type: "string", value: "N", summary: "at most the last N lines (default 200)" },
  ],
  examples: ["hanzo-fn logs my-function --follow", "hanzo-fn logs my-function --since 10m --level error"],
  async run(invocation) {
    const { flags, output, signal } = invocation;
    if (output.format === "name") throw new UsageError("log lines have no names; take -o json, yaml or wide");
    const client = await createClient(invocation);
    const query = new URLSearchParams();
    for (const name of ["since", "until", "level", "request-id", "revision", "limit"]) {
      const value = flags.text(name);
      if (value !== undefined) query.set(name.replace("-", "_"), value);
    }
    if (flags.on("follow")) query.set("follow", "true");
    const url = `${client.server}/v1/functions/${segment(invocation.args[0] as string)}/logs?${query}`;
    const message = await client.send(url);
    if (message.statusCode !== 200) throw await toApiError(message);
    try {
      for await (const event of readEvents(message)) {
        if (event.event === "log") printEntry(output, JSON.parse(event.data) as LogEntryJson);
        if (event.event === "end") break;
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    message.destroy();
    return signal.aborted ? EXIT.interrupted : EXIT.ok;
  },
};
