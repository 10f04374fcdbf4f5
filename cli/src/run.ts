import { type Command, EXIT, GLOBAL_FLAGS, type Invocation, UsageError, envName } from "./command.ts";
import { reportFailure } from "./failure.ts";
import { commandHelp, overviewHelp } from "./help.ts";
import { createOutput, type Format, type Stream } from "./output.ts";
import { parseCommandLine } from "./parse.ts";
import { COMMANDS } from "./registry.ts";
import { VERSION } from "./version.ts";

/** What the CLI needs of its process. */
export interface Host {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: Stream & { write(chunk: string | Uint8Array): unknown };
  readonly stderr: Stream;
  cwd(): string;
  on(event: "SIGINT" | "SIGTERM", listener: () => void): unknown;
  exit(code: number): never;
}

function suggest(name: string): string {
  const near = COMMANDS.find((entry) => entry.name.startsWith(name) || name.startsWith(entry.name));
  return near === undefined ? "" : `; did you mean ${near.name}?`;
}

function abortOnSignals(host: Host): AbortSignal {
  const controller = new AbortController();
  for (const event of ["SIGINT", "SIGTERM"] as const) {
    host.on(event, () => {
      if (controller.signal.aborted) host.exit(EXIT.interrupted);
      controller.abort(new DOMException(`stopped by ${event}`, "AbortError"));
    });
  }
  return controller.signal;
}

/** What the completion scripts ask; silent and quick where the platform does not answer. */
async function printCompletions(words: readonly string[], host: Host): Promise<number> {
  const { complete } = await import("./complete.ts");
  const output = createOutput(host.stdout, host.stderr, { format: "table", quiet: true });
  const text = (name: string): string | undefined => {
    const flag = GLOBAL_FLAGS.find((candidate) => candidate.name === name);
    return (flag && host.env[envName(flag)]) || undefined;
  };
  const flags = { text, texts: () => [], on: () => false };
  const signal = AbortSignal.timeout(2000);
  const found = await complete(words, {
    args: [],
    flags,
    env: host.env,
    cwd: host.cwd(),
    output,
    signal,
  }).catch(() => []);
  for (const name of found) output.line(name);
  return EXIT.ok;
}

/** Runs one command line; gives the exit code. */
export async function run(argv: readonly string[], host: Host): Promise<number> {
  const plain = createOutput(host.stdout, host.stderr, { format: "table", quiet: false });
  const [name, ...rest] = argv;
  if (name === undefined || name === "--help" || name === "-h" || (name === "help" && rest.length === 0)) {
    plain.line(overviewHelp(COMMANDS));
    return EXIT.ok;
  }
  if (name === "--version" || name === "version") {
    plain.line(VERSION);
    return EXIT.ok;
  }
  if (name === "help") return run([rest[0] as string, "--help"], host);
  if (name === "__complete") return printCompletions(rest, host);
  const entry = COMMANDS.find((candidate) => candidate.name === name);
  if (entry === undefined) {
    return reportFailure(plain, new UsageError(`${name} is no command${suggest(name)}`), undefined);
  }
  let command: Command;
  try {
    command = await entry.load();
    const { args, flags } = parseCommandLine(command, rest, host.env);
    if (flags.on("help")) {
      plain.line(commandHelp(command));
      return EXIT.ok;
    }
    const output = createOutput(host.stdout, host.stderr, {
      format: (flags.text("output") as Format | undefined) ?? "table",
      quiet: flags.on("quiet"),
    });
    const signal = abortOnSignals(host);
    const invocation: Invocation = { args, flags, env: host.env, cwd: host.cwd(), output, signal };
    return await command.run(invocation);
  } catch (error) {
    return reportFailure(plain, error, name);
  }
}
