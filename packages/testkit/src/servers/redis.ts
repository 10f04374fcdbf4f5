import { freePort } from "../free-port.ts";
import { tempDir } from "../temp-dir.ts";
import { programOf } from "./found.ts";
import { startProcess, type ServerProcess } from "./process.ts";

export interface RedisServer extends ServerProcess {
  /** `redis://…`, with the password where there is one. */
  readonly url: string;
}

export interface RedisOptions {
  readonly password?: string | undefined;
  /** Further settings, for example `{ maxmemory: "64mb" }`. */
  readonly settings?: Readonly<Record<string, string>> | undefined;
}

/** `await using redis = await startRedis()`: an empty redis-server of its own that keeps nothing on the disk. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const program = programOf("redis-server");
  const dir = await tempDir("hanzo-fn-redis-");
  const port = await freePort();
  const settings = { save: "", appendonly: "no", bind: "127.0.0.1", ...options.settings };
  const { password } = options;
  const args = ["--port", String(port), "--dir", dir.path];
  if (password !== undefined) args.push("--requirepass", password);
  for (const [name, value] of Object.entries(settings)) args.push(`--${name}`, value);
  const server = await startProcess({
    name: "redis-server",
    program,
    args,
    port,
    cleanup: () => dir[Symbol.asyncDispose](),
  });
  const login = password === undefined ? "" : `:${encodeURIComponent(password)}@`;
  return { ...server, url: `redis://${login}127.0.0.1:${port}/0` };
}
