import { type Command, EXIT_MEANINGS, type Flag, GLOBAL_FLAGS, envName } from "./command.ts";

function flagLine(flag: Flag): readonly [string, string] {
  const short = flag.short === undefined ? "    " : `-${flag.short}, `;
  const word = flag.value ?? "VALUE";
  const value = flag.type === "boolean" ? "" : flag.bare === undefined ? ` ${word}` : `[=${word}]`;
  return [`${short}--${flag.name}${value}`, `${flag.summary} ($${envName(flag)})`];
}

function aligned(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(0, ...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}

export function usageLine(command: Command): string {
  const args = command.args.map((argument) =>
    argument.required
      ? ` ${argument.name.toUpperCase()}`
      : ` [${argument.name.toUpperCase()}${argument.rest === true ? "…" : ""}]`,
  );
  return `hanzo-fn ${command.name}${args.join("")} [flags]`;
}

export function commandHelp(command: Command): string {
  const parts = [command.summary, ...(command.description === undefined ? [] : ["", command.description])];
  parts.push("", "Usage:", `  ${usageLine(command)}`);
  if (command.args.length > 0) {
    const rows = command.args.map((argument) => [argument.name.toUpperCase(), argument.summary] as const);
    parts.push("", "Arguments:", ...aligned(rows));
  }
  if (command.flags.length > 0) parts.push("", "Flags:", ...aligned(command.flags.map(flagLine)));
  parts.push("", "Flags of every command:", ...aligned(GLOBAL_FLAGS.map(flagLine)));
  if (command.examples.length > 0)
    parts.push("", "Examples:", ...command.examples.map((line) => `  ${line}`));
  return parts.join("\n");
}

export function overviewHelp(
  commands: readonly { readonly name: string; readonly summary: string }[],
): string {
  return [
    "hanzo-fn: serverless functions for AI workloads",
    "",
    "Usage:",
    "  hanzo-fn COMMAND [ARGUMENTS] [flags]",
    "",
    "Commands:",
    ...aligned(commands.map((command) => [command.name, command.summary] as const)),
    "",
    "Every flag has an environment twin, shown in `hanzo-fn COMMAND --help`.",
    "Results go to stdout, everything else to stderr.",
    "",
    "Exit codes:",
    ...aligned(EXIT_MEANINGS.map(([code, meaning]) => [String(code), meaning] as const)),
  ].join("\n");
}
