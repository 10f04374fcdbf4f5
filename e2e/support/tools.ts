import { execFile } from "node:child_process";
import { promisify } from "node:util";

const VERSION_FLAGS: Readonly<Record<string, string>> = { go: "version" };

/** Whether a command is on the PATH and runs. */
export async function hasTool(command: string): Promise<boolean> {
  try {
    await promisify(execFile)(command, [VERSION_FLAGS[command] ?? "--version"]);
    return true;
  } catch {
    return false;
  }
}

/** Whether the longer tier runs (`npm run test:long`). */
export function isLongTier(): boolean {
  return process.env["LONG"] !== undefined;
}
