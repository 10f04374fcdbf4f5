import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const PROGRAM = fileURLToPath(new URL("./emit-main.ts", import.meta.url));

/**
 * Writes the SDK and the server as plain JavaScript into `directory` (made where it is missing) and answers the path
 * of the file to start. A process that strips types at boot needs twice the time and 30 MB more, and Node before
 * 22.18 cannot. Overwrites what is there; everyone may read it, since instances run as other users.
 *
 * A process of its own does it, because the stripper would stay in the memory of the caller.
 */
export async function emitServer(directory: string, node: string, signal: AbortSignal): Promise<string> {
  await promisify(execFile)(node, ["--disable-warning=ExperimentalWarning", PROGRAM, directory], { signal });
  return join(directory, "server", "main.js");
}
