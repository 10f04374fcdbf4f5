import type { TrafficJson } from "@hanzo-fn/contract/api";
import { createClient } from "../client.ts";
import { type Command, EXIT } from "../command.ts";
import { segment } from "../words.ts";
import { printTraffic } from "./traffic.ts";

export const rollback: Command = {
  name: "rollback",
  summary: "Move all traffic back to the revision before",
  description: "Moves traffic only: nothing is built and no revision is made.",
  args: [{ name: "name", required: true, summary: "the function", completes: "functions" }],
  flags: [
    {
      name: "revision",
      type: "string",
      value: "REVISION",
      summary: "roll back to this revision instead",
      completes: "revisions",
    },
  ],
  examples: ["hanzo-fn rollback embed-document", "hanzo-fn rollback embed-document --revision 2"],
  async run(invocation) {
    const client = await createClient(invocation);
    const revision = invocation.flags.text("revision");
    const wish = revision === undefined ? { rollback: true } : { revision, percent: 100 };
    const path = `/v1/functions/${segment(invocation.args[0] as string)}/traffic`;
    await printTraffic(invocation.output, await client.call<TrafficJson>("PUT", path, wish));
    return EXIT.ok;
  },
};
