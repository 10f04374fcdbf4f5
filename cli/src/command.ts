import type { Output } from "./output.ts";

/** One flag; its environment twin is `env`, or `HANZO_FN_<NAME>`. */
export interface Flag {
  readonly name: string;
  readonly short?: string;
  readonly type: "string" | "boolean" | "strings";
  readonly value?: string;
  /** What the flag alone means, without `=VALUE`; a value then needs the `=`. */
  readonly bare?: string;
  readonly summary: string;
  readonly env?: string;
  /** Values for completion and for the usage check. */
  readonly choices?: readonly string[];
  /** What live completion offers. */
  readonly completes?: "functions" | "revisions" | "files" | "contexts";
}

export interface Argument {
  readonly name: string;
  readonly required: boolean;
  /** Takes all that follows; only for the last one. */
  readonly rest?: boolean;
  readonly summary: string;
  readonly choices?: readonly string[];
  readonly completes?: "functions" | "files" | "contexts" | "secrets";
}

export interface Invocation {
  readonly args: readonly string[];
  readonly flags: Flags;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly output: Output;
  /** Aborts on SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
}

export interface Flags {
  text(name: string): string | undefined;
  texts(name: string): readonly string[];
  on(name: string): boolean;
}

export interface Command {
  readonly name: string;
  readonly summary: string;
  /** Longer words for `--help`. */
  readonly description?: string;
  readonly args: readonly Argument[];
  readonly flags: readonly Flag[];
  readonly examples: readonly string[];
  /** Resolves to the exit code. */
  run(invocation: Invocation): Promise<number>;
}

/** Documented in docs/cli.md and in `hanzo-fn help`. */
export const EXIT = {
  ok: 0,
  failure: 1,
  usage: 2,
  notFound: 3,
  auth: 4,
  conflict: 5,
  timeout: 6,
  unavailable: 7,
  functionError: 8,
  interrupted: 130,
} as const;

export const EXIT_MEANINGS: readonly (readonly [number, string])[] = [
  [EXIT.ok, "done"],
  [EXIT.failure, "failed"],
  [EXIT.usage, "wrong usage"],
  [EXIT.notFound, "not found"],
  [EXIT.auth, "not authenticated or not allowed"],
  [EXIT.conflict, "conflict, or a precondition does not hold"],
  [EXIT.timeout, "timed out"],
  [EXIT.unavailable, "the platform cannot be reached or is not able to answer"],
  [EXIT.functionError, "the function answered with an error (invoke)"],
  [EXIT.interrupted, "interrupted"],
];

/** Wrong usage of the CLI; printed with the command's usage line. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** The flags that every command takes. */
export const GLOBAL_FLAGS: readonly Flag[] = [
  { name: "server", type: "string", value: "URL", summary: "control plane to talk to", env: "HANZO_FN_URL" },
  {
    name: "invoke-server",
    type: "string",
    value: "URL",
    summary: "invoke proxy to talk to",
    env: "HANZO_FN_INVOKE_URL",
  },
  { name: "token", type: "string", value: "TOKEN", summary: "JWT or API key", env: "HANZO_TOKEN" },
  {
    name: "org",
    type: "string",
    value: "ORG",
    summary: "organisation, where the token has several",
    env: "HANZO_FN_ORG",
  },
  { name: "context", type: "string", value: "NAME", summary: "saved context to use", completes: "contexts" },
  {
    name: "output",
    short: "o",
    type: "string",
    value: "FORMAT",
    summary: "json, yaml, wide or name",
    choices: ["json", "yaml", "wide", "name"],
  },
  { name: "quiet", short: "q", type: "boolean", summary: "no progress on stderr" },
  { name: "help", short: "h", type: "boolean", summary: "show this help" },
];

export function envName(flag: Flag): string {
  return flag.env ?? `HANZO_FN_${flag.name.replaceAll("-", "_").toUpperCase()}`;
}
