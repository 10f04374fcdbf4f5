import { realpath, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { type Command, EXIT, type Invocation, UsageError } from "../command.ts";
import { serveDev } from "../dev/serve-dev.ts";
import { createShow } from "../dev/show.ts";

function cacheFolder(env: Invocation["env"]): string {
  return join(env["XDG_CACHE_HOME"] || join(env["HOME"] || homedir(), ".cache"), "hanzo-fn");
}

async function sourceOf({ flags, cwd }: Invocation): Promise<string> {
  const source = resolve(cwd, flags.text("source") ?? ".");
  if (!(await stat(source).catch(() => undefined))?.isDirectory())
    throw new UsageError(`${source} is no folder`);
  return realpath(source);
}

function portOf({ flags }: Invocation): number {
  const port = Number(flags.text("port") ?? "8080");
  if (Number.isInteger(port) && port >= 0 && port < 65_536) return port;
  throw new UsageError("--port takes a number from 0 to 65535");
}

export const dev: Command = {
  name: "dev",
  summary: "Run a function here and serve every save at once",
  args: [],
  flags: [
    {
      name: "port",
      short: "p",
      type: "string",
      value: "PORT",
      summary: "port to listen on (8080); 0 takes a free one",
    },
    {
      name: "source",
      type: "string",
      value: "DIR",
      summary: "folder of the source (default .)",
      completes: "files",
    },
    { name: "host", type: "string", value: "ADDRESS", summary: "address to listen on (127.0.0.1)" },
  ],
  examples: ["hanzo-fn dev", "hanzo-fn dev --port 8080 --source ./my-function"],
  async run(invocation) {
    const { flags, env, output, signal } = invocation;
    const root = await sourceOf(invocation);
    const show = createShow(output, root);
    const options = {
      root,
      host: flags.text("host") ?? "127.0.0.1",
      port: portOf(invocation),
      cache: cacheFolder(env),
      models: undefined,
      env,
    };
    const server = await serveDev(options, show, signal);
    show({ event: "listening", url: server.url, source: root });
    await new Promise<void>((stop) => {
      if (signal.aborted) stop();
      signal.addEventListener("abort", () => stop(), { once: true });
    });
    await server.stop();
    return EXIT.ok;
  },
};
