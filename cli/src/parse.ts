import { parseArgs } from "node:util";
import { type Command, type Flag, type Flags, GLOBAL_FLAGS, UsageError, envName } from "./command.ts";

type Env = Readonly<Record<string, string | undefined>>;
type Value = string | boolean | string[];

function fromEnvironment(flag: Flag, env: Env): Value | undefined {
  const text = env[envName(flag)];
  if (text === undefined || text === "") return undefined;
  switch (flag.type) {
    case "boolean":
      if (!["true", "1", "false", "0"].includes(text)) {
        throw new UsageError(`$${envName(flag)} is true or false, not ${JSON.stringify(text)}`);
      }
      return text === "true" || text === "1";
    case "strings":
      return text.split(",");
    case "string":
      return text;
    default:
      return flag.type satisfies never;
  }
}

function checkChoice(flag: Flag, value: Value | undefined): void {
  if (flag.choices === undefined || typeof value !== "string" || flag.choices.includes(value)) return;
  throw new UsageError(`--${flag.name} is one of ${flag.choices.join(", ")}, not ${JSON.stringify(value)}`);
}

/** `--inspect` as `--inspect=<what it means alone>`. */
function withBareValues(argv: readonly string[], known: readonly Flag[]): string[] {
  const end = argv.indexOf("--");
  return argv.map((word, i) => {
    const flag = known.find(({ name, bare }) => bare !== undefined && word === `--${name}`);
    return flag === undefined || (end !== -1 && i > end) ? word : `${word}=${flag.bare}`;
  });
}

/** Flags before and after the arguments; a flag wins over its environment twin. Throws `UsageError`. */
export function parseCommandLine(
  command: Command,
  argv: readonly string[],
  env: Env,
): { args: readonly string[]; flags: Flags } {
  const known = [
    ...command.flags,
    ...GLOBAL_FLAGS.filter((flag) => !command.flags.some((own) => own.name === flag.name)),
  ];
  const options = Object.fromEntries(
    known.map((flag) => [
      flag.name,
      {
        type: flag.type === "boolean" ? ("boolean" as const) : ("string" as const),
        multiple: flag.type === "strings",
        ...(flag.short === undefined ? {} : { short: flag.short }),
      },
    ]),
  );
  let parsed: { values: Record<string, unknown>; positionals: string[] };
  try {
    parsed = parseArgs({ args: withBareValues(argv, known), options, allowPositionals: true, strict: true });
  } catch (cause) {
    throw new UsageError((cause as Error).message.split(". ")[0] ?? "unknown flag", { cause });
  }
  const values = new Map<string, Value>();
  for (const flag of known) {
    const value = (parsed.values[flag.name] as Value | undefined) ?? fromEnvironment(flag, env);
    checkChoice(flag, value);
    if (value !== undefined) values.set(flag.name, value);
  }
  if (values.get("help") !== true) checkArguments(command, parsed.positionals);
  return {
    args: parsed.positionals,
    flags: {
      text: (name) => {
        const value = values.get(name);
        return typeof value === "string" ? value : undefined;
      },
      texts: (name) => {
        const value = values.get(name);
        return Array.isArray(value) ? value : [];
      },
      on: (name) => values.get(name) === true,
    },
  };
}

function checkArguments(command: Command, args: readonly string[]): void {
  const missing = command.args.slice(args.length).find((argument) => argument.required);
  if (missing !== undefined) throw new UsageError(`${missing.name.toUpperCase()} is missing`);
  const extra = command.args.at(-1)?.rest === true ? undefined : args[command.args.length];
  if (extra !== undefined) throw new UsageError(`unexpected argument ${JSON.stringify(extra)}`);
  for (const [i, argument] of command.args.entries()) {
    const value = args[i];
    if (value !== undefined && argument.choices !== undefined && !argument.choices.includes(value)) {
      throw new UsageError(`${argument.name.toUpperCase()} is one of ${argument.choices.join(", ")}`);
    }
  }
}
