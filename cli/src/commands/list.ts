import type { FunctionJson, PaginationJson } from "@hanzo-fn/contract/api";
import { createClient } from "../client.ts";
import { type Command, EXIT } from "../command.ts";
import { age, printTable } from "../output.ts";
import { trafficText } from "../words.ts";

interface Page {
  functions: FunctionJson[];
  pagination: PaginationJson;
}

export const list: Command = {
  name: "list",
  summary: "List the functions",
  args: [],
  flags: [
    { name: "runtime", type: "string", value: "RUNTIME", summary: "only this runtime" },
    { name: "trigger", type: "string", value: "TYPE", summary: "only functions with this type of trigger" },
  ],
  examples: ["hanzo-fn list", "hanzo-fn list -o name"],
  async run(invocation) {
    const client = await createClient(invocation);
    const query = new URLSearchParams({ pageSize: "100" });
    for (const name of ["runtime", "trigger"]) {
      const value = invocation.flags.text(name);
      if (value !== undefined) query.set(name, value);
    }
    const functions: FunctionJson[] = [];
    for (let page = 1, more = true; more; page++) {
      query.set("page", String(page));
      const answer = await client.call<Page>("GET", `/v1/functions?${query}`);
      functions.push(...answer.functions);
      more = answer.pagination.hasNext;
    }
    await invocation.output.result(
      functions,
      () => {
        printTable(
          invocation.output,
          [
            { title: "NAME", value: (row) => row.name },
            { title: "RUNTIME", value: (row) => row.runtime },
            { title: "STATE", value: (row) => row.state },
            { title: "REVISION", value: (row) => row.latest_revision },
            { title: "TRAFFIC", value: (row) => trafficText(row.traffic) },
            { title: "VERSION", value: (row) => row.version, wide: true },
            { title: "TRIGGERS", value: (row) => row.trigger_types.join(","), wide: true },
            { title: "URL", value: (row) => row.url, wide: true },
            { title: "AGE", value: (row) => age(row.created_at, Date.now()) },
          ],
          functions,
        );
        if (functions.length === 0) invocation.output.note("No functions yet. Start one with: hanzo-fn init");
      },
      () => functions.map((row) => row.name),
    );
    return EXIT.ok;
  },
};
