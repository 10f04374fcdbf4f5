import type { PaginationJson, RevisionJson } from "@hanzo-fn/contract/api";
import { type Client, createClient } from "../client.ts";
import { type Command, EXIT } from "../command.ts";
import { age, printTable } from "../output.ts";
import { segment } from "../words.ts";

/** All revisions, newest first. */
export async function fetchRevisions(client: Client, name: string): Promise<RevisionJson[]> {
  const revisions: RevisionJson[] = [];
  for (let page = 1, more = true; more; page++) {
    const answer = await client.call<{ revisions: RevisionJson[]; pagination: PaginationJson }>(
      "GET",
      `/v1/functions/${segment(name)}/revisions?pageSize=100&page=${page}`,
    );
    revisions.push(...answer.revisions);
    more = answer.pagination.hasNext;
  }
  return revisions;
}

export const revisions: Command = {
  name: "revisions",
  summary: "List the revisions of a function with their traffic",
  args: [{ name: "name", required: true, summary: "the function", completes: "functions" }],
  flags: [],
  examples: ["hanzo-fn revisions embed-document"],
  async run(invocation) {
    const client = await createClient(invocation);
    const rows = await fetchRevisions(client, invocation.args[0] as string);
    await invocation.output.result(
      rows,
      () =>
        printTable(
          invocation.output,
          [
            { title: "REVISION", value: (row) => row.name },
            { title: "STATE", value: (row) => row.state },
            { title: "TRAFFIC", value: (row) => `${row.percent}%` },
            { title: "VERSION", value: (row) => row.version },
            { title: "RUNTIME", value: (row) => row.runtime, wide: true },
            { title: "ENTRY", value: (row) => row.entry, wide: true },
            { title: "SOURCE", value: (row) => row.source_digest.slice(0, 12), wide: true },
            { title: "AGE", value: (row) => age(row.created_at, Date.now()) },
          ],
          rows,
        ),
      () => rows.map((row) => row.name),
    );
    return EXIT.ok;
  },
};
