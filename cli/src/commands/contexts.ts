import { type Command, EXIT } from "../command.ts";
import { readContexts, writeContexts } from "../contexts.ts";
import { printTable } from "../output.ts";

export const contexts: Command = {
  name: "contexts",
  summary: "List the saved contexts, or switch to one",
  args: [{ name: "name", required: false, summary: "context to switch to", completes: "contexts" }],
  flags: [],
  examples: ["hanzo-fn contexts", "hanzo-fn contexts production"],
  async run(invocation) {
    const file = await readContexts(invocation.env);
    const name = invocation.args[0];
    if (name !== undefined) {
      if (!(name in file.contexts)) {
        invocation.output.problem(`error: there is no context ${JSON.stringify(name)}`);
        invocation.output.problem("  next: hanzo-fn contexts, or hanzo-fn login to save one");
        return EXIT.notFound;
      }
      await writeContexts(invocation.env, { ...file, current: name });
      invocation.output.note(`Switched to ${name}.`);
      return EXIT.ok;
    }
    const rows = Object.entries(file.contexts).map(([key, context]) => ({
      name: key,
      current: key === file.current,
      server: context.server,
      ...(context.org === undefined ? {} : { org: context.org }),
    }));
    await invocation.output.result(
      rows,
      () =>
        printTable(
          invocation.output,
          [
            { title: "CURRENT", value: (row) => (row.current ? "*" : "") },
            { title: "NAME", value: (row) => row.name },
            { title: "SERVER", value: (row) => row.server },
            { title: "ORG", value: (row) => row.org ?? "" },
          ],
          rows,
        ),
      () => rows.map((row) => row.name),
    );
    return EXIT.ok;
  },
};
