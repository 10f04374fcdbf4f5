import type { SecretListJson } from "@hanzo-fn/contract/api";
import { createClient } from "../client.ts";
import { type Command, EXIT, UsageError } from "../command.ts";
import { age, printTable } from "../output.ts";
import { readStdin } from "../stdin.ts";
import { segment } from "../words.ts";

/** `NAME=VALUE`, or `NAME` with the value on standard input, which keeps it out of the process list. */
async function valueOf(argument: string): Promise<{ name: string; value: string }> {
  const equals = argument.indexOf("=");
  if (equals > 0) return { name: argument.slice(0, equals), value: argument.slice(equals + 1) };
  const value = (await readStdin()).toString("utf8").replace(/\r?\n$/, "");
  if (value === "")
    throw new UsageError("the value is empty; give NAME=VALUE, or the value on standard input");
  return { name: argument, value };
}

export const secrets: Command = {
  name: "secrets",
  summary: "Set, list or unset secrets",
  description: "Values are encrypted at rest and never shown again. Functions name them under `secrets:`.",
  args: [
    { name: "action", required: true, summary: "set, list or unset", choices: ["set", "list", "unset"] },
    {
      name: "name",
      required: false,
      summary: "NAME=VALUE, or NAME with the value on stdin",
      completes: "secrets",
    },
  ],
  flags: [],
  examples: [
    "hanzo-fn secrets set hanzo-api-key < key.txt",
    "hanzo-fn secrets set db-password=example",
    "hanzo-fn secrets list",
    "hanzo-fn secrets unset db-password",
  ],
  async run(invocation) {
    const client = await createClient(invocation);
    const [action, argument] = invocation.args;
    if (action === "list") {
      const answer = await client.call<SecretListJson>("GET", "/v1/secrets");
      await invocation.output.result(
        answer.secrets,
        () =>
          printTable(
            invocation.output,
            [
              { title: "NAME", value: (row) => row.name },
              { title: "UPDATED", value: (row) => `${age(row.updated_at, Date.now())} ago` },
            ],
            answer.secrets,
          ),
        () => answer.secrets.map((row) => row.name),
      );
      return EXIT.ok;
    }
    if (argument === undefined) throw new UsageError("NAME is missing");
    if (action === "set") {
      const { name, value } = await valueOf(argument);
      await client.call("PUT", `/v1/secrets/${segment(name)}`, { value });
      invocation.output.note(`Set ${name}.`);
    } else {
      await client.call("DELETE", `/v1/secrets/${segment(argument)}`);
      invocation.output.note(`Unset ${argument}.`);
    }
    return EXIT.ok;
  },
};
