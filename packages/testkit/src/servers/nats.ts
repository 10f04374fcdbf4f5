import { writeFile } from "node:fs/promises";
import path from "node:path";
import { freePort } from "../free-port.ts";
import { tempDir } from "../temp-dir.ts";
import { programOf } from "./found.ts";
import { startProcess, type ServerProcess } from "./process.ts";

export interface NatsServer extends ServerProcess {
  readonly url: string;
}

export interface NatsOptions {
  /** Further lines of the server's configuration, for example `authorization { token: "t" }`. */
  readonly config?: string | undefined;
  readonly jetstream?: boolean | undefined;
}

/** `await using nats = await startNats()`: a nats-server with JetStream on files, which it keeps over a restart. */
export async function startNats(options: NatsOptions = {}): Promise<NatsServer> {
  const program = programOf("nats-server");
  const dir = await tempDir("hanzo-fn-nats-");
  const port = await freePort();
  const file = path.join(dir.path, "nats.conf");
  const jetstream =
    options.jetstream === false
      ? ""
      : `jetstream { store_dir: ${JSON.stringify(path.join(dir.path, "data"))}, max_memory_store: 64MB, max_file_store: 1GB }\n`;
  await writeFile(file, `listen: "127.0.0.1:${port}"\n${jetstream}${options.config ?? ""}\n`);
  const server = await startProcess({
    name: "nats-server",
    program,
    args: ["-c", file],
    port,
    cleanup: () => dir[Symbol.asyncDispose](),
  });
  return { ...server, url: `nats://127.0.0.1:${port}` };
}
