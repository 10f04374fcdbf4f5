import type { FunctionJson, SecretListJson } from "@hanzo-fn/contract/api";
import { type Client, createClient } from "./client.ts";
import { type Argument, type Command, type Flag, GLOBAL_FLAGS, type Invocation } from "./command.ts";
import { fetchRevisions } from "./commands/revisions.ts";
import { readContexts } from "./contexts.ts";
import { COMMANDS } from "./registry.ts";

type Connect = (invocation: Invocation) => Promise<Client>;
type Wanted = Argument["completes"] | Flag["completes"];

/** Names that only the platform or the context file knows; nothing where they cannot be asked. */
async function liveNames(
  wanted: Wanted,
  functionName: string | undefined,
  invocation: Invocation,
  connect: Connect,
): Promise<readonly string[]> {
  switch (wanted) {
    case "functions": {
      const client = await connect(invocation);
      const answer = await client.call<{ functions: FunctionJson[] }>("GET", "/v1/functions?pageSize=100");
      return answer.functions.map((row) => row.name);
    }
    case "revisions": {
      if (functionName === undefined) return [];
      return (await fetchRevisions(await connect(invocation), functionName)).map((row) => row.name);
    }
    case "secrets": {
      const client = await connect(invocation);
      return (await client.call<SecretListJson>("GET", "/v1/secrets")).secrets.map((row) => row.name);
    }
    case "contexts":
      return Object.keys((await readContexts(invocation.env)).contexts);
    case "files":
    case undefined:
      return [];
    default:
      return wanted satisfies never;
  }
}

function flagsOf(command: Command): readonly Flag[] {
  return [...command.flags, ...GLOBAL_FLAGS];
}

/** Arguments among the words: those that are neither flags nor flags' values. */
function positionals(command: Command, words: readonly string[]): string[] {
  const found: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as string;
    if (!word.startsWith("-")) {
      found.push(word);
      continue;
    }
    const flag = flagsOf(command).find(
      (candidate) => word === `--${candidate.name}` || word === `-${candidate.short}`,
    );
    if (flag !== undefined && flag.type !== "boolean" && flag.bare === undefined) i++;
  }
  return found;
}

/** Candidates for the last of `words`, which are what follows `hanzo-fn` on the line. */
export async function complete(
  words: readonly string[],
  invocation: Invocation,
  connect: Connect = createClient,
): Promise<readonly string[]> {
  const current = words.at(-1) ?? "";
  const before = words.slice(0, -1);
  const starting = (names: readonly string[]): string[] => names.filter((name) => name.startsWith(current));
  if (before.length === 0 || (before.length === 1 && before[0] === "help"))
    return starting(COMMANDS.map((entry) => entry.name));
  const entry = COMMANDS.find((candidate) => candidate.name === before[0]);
  if (entry === undefined) return [];
  const command = await entry.load();
  const given = positionals(command, before.slice(1));
  const previous = before.at(-1) as string;
  const flag = flagsOf(command).find(
    (candidate) => previous === `--${candidate.name}` || previous === `-${candidate.short}`,
  );
  if (flag !== undefined && flag.type !== "boolean" && flag.bare === undefined) {
    return starting(flag.choices ?? (await liveNames(flag.completes, given[0], invocation, connect)));
  }
  if (current.startsWith("-")) return starting(flagsOf(command).map((candidate) => `--${candidate.name}`));
  const argument = command.args[given.length];
  if (argument === undefined) return [];
  return starting(argument.choices ?? (await liveNames(argument.completes, given[0], invocation, connect)));
}
