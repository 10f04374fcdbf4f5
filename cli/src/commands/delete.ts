import { createClient } from "../client.ts";
import { type Command, EXIT } from "../command.ts";
import { segment } from "../words.ts";

export const deleteCommand: Command = {
  name: "delete",
  summary: "Delete a function and all its revisions",
  args: [{ name: "name", required: true, summary: "the function", completes: "functions" }],
  flags: [],
  examples: ["hanzo-fn delete my-function"],
  async run(invocation) {
    const client = await createClient(invocation);
    const name = invocation.args[0] as string;
    await client.call("DELETE", `/v1/functions/${segment(name)}`);
    invocation.output.note(`Deleted ${name} and all its revisions.`);
    return EXIT.ok;
  },
};
