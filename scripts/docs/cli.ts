import { type Command, EXIT_MEANINGS, type Flag, GLOBAL_FLAGS, envName } from "../../cli/src/command.ts";
import { usageLine } from "../../cli/src/help.ts";
import { COMMANDS } from "../../cli/src/registry.ts";

function flagRows(flags: readonly Flag[]): string[] {
  return [
    "| flag | environment | meaning |",
    "|---|---|---|",
    ...flags.map((flag) => {
      const short = flag.short === undefined ? "" : `\`-${flag.short}\`, `;
      const word = flag.value ?? "VALUE";
      const value = flag.type === "boolean" ? "" : flag.bare === undefined ? ` ${word}` : `[=${word}]`;
      return `| ${short}\`--${flag.name}${value}\` | \`${envName(flag)}\` | ${flag.summary.replaceAll("|", "\\|")} |`;
    }),
  ];
}

function commandSection(command: Command): string[] {
  const args = command.args.map((argument) => `- \`${argument.name.toUpperCase()}\`: ${argument.summary}`);
  return [
    `## ${command.name}`,
    "",
    `${command.summary}.${command.description === undefined ? "" : ` ${command.description.replaceAll("\n", " ")}`}`,
    "",
    "```sh",
    usageLine(command),
    ...command.examples.filter((example) => example !== usageLine(command)),
    "```",
    ...(args.length === 0 ? [] : ["", ...args]),
    ...(command.flags.length === 0 ? [] : ["", ...flagRows(command.flags)]),
    "",
  ];
}

/** docs/cli.md, from the command registry. */
export async function cliPage(): Promise<string> {
  const commands = await Promise.all(COMMANDS.map((entry) => entry.load()));
  return [
    "# The command line",
    "",
    "Generated from the command registry by `node scripts/generate-docs.ts`; do not edit.",
    "",
    "Results go to stdout, everything else to stderr. A flag wins over its environment variable, that over the saved",
    "context, that over the default.",
    "",
    "## Flags of every command",
    "",
    ...flagRows(GLOBAL_FLAGS),
    "",
    "`HANZO_API_KEY` is read too, after `HANZO_TOKEN`.",
    "",
    "## Exit codes",
    "",
    "| code | meaning |",
    "|---|---|",
    ...EXIT_MEANINGS.map(([code, meaning]) => `| ${code} | ${meaning} |`),
    "",
    ...commands.flatMap(commandSection),
  ].join("\n");
}
