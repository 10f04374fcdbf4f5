import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { type Command, type Invocation, UsageError } from "./command.ts";
import { readStdin } from "./stdin.ts";

/** Where a command takes a body from. */
export const DATA_FLAGS: Command["flags"] = [
  { name: "data", short: "d", type: "string", value: "JSON", summary: "the body" },
  {
    name: "file",
    type: "string",
    value: "PATH",
    summary: "take the body from a file; - is standard input",
    completes: "files",
  },
];

export interface Payload {
  readonly body: string | Uint8Array | undefined;
  readonly contentType: string | undefined;
}

async function readBody(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new UsageError(`--file cannot be read: ${(cause as Error).message}`, { cause });
  }
}

/** What `--data`, `--file` or standard input gives. */
export async function payloadOf({ flags, cwd }: Invocation): Promise<Payload> {
  const data = flags.text("data");
  const file = flags.text("file");
  if (data !== undefined && file !== undefined) throw new UsageError("take one of --data and --file");
  const contentType = flags.text("content-type");
  if (data !== undefined) return { body: data, contentType: contentType ?? "application/json" };
  if (file !== undefined) {
    const body = file === "-" ? await readStdin() : await readBody(resolve(cwd, file));
    return {
      body,
      contentType:
        contentType ??
        (file === "-" || file.endsWith(".json") ? "application/json" : "application/octet-stream"),
    };
  }
  const body = await readStdin();
  return body.length === 0
    ? { body: undefined, contentType }
    : { body, contentType: contentType ?? "application/json" };
}
