import { readAll } from "./client.ts";

/** All of standard input; empty on a terminal, where waiting for it would look like hanging. */
export async function readStdin(): Promise<Buffer> {
  if (process.stdin.isTTY) return Buffer.alloc(0);
  return readAll(process.stdin);
}
