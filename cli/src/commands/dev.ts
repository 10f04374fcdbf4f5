import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type Command, EXIT, type Invocation, UsageError } from "../command.ts";
import { createActions } from "../dev/actions.ts";
import { DEFAULT_DEBUG_PORT } from "../dev/debugger.ts";
import { cacheFolder, sourceFolder } from "../dev/folders.ts";
import { MANIFEST_FILE } from "../dev/function-settings.ts";
import { readKeys } from "../dev/keys.ts";
import { type DevServer, serveDev } from "../dev/serve-dev.ts";
import { createShow } from "../dev/show.ts";
import { reportFailure } from "../failure.ts";

function portOf(flag: string, text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port < 65_536) return port;
  throw new UsageError(`--${flag} takes a number from 0 to 65535, not ${JSON.stringify(text)}`);
}

/** Serves until the signal, or the key that ends it. */
async function serveUntilEnd(
  invocation: Invocation,
  server: DevServer,
  root: string,
  debugPort: number | undefined,
): Promise<void> {
  const { flags, output, signal } = invocation;
  const quit = new AbortController();
  const until = AbortSignal.any([signal, quit.signal]);
  const actions = createActions({
    server,
    root,
    debugPort,
    output,
    signal: until,
    quit: () => quit.abort(),
  });
  const restore = readKeys(process.stdin, actions, {
    lines: flags.on("commands"),
    // As the terminal would do if it were not read key by key.
    onInterrupt: () => void process.kill(process.pid, "SIGINT"),
    onError: (error) => {
      if (!until.aborted) reportFailure(output, error, "dev");
    },
  });
  if (process.stdin.isTTY) output.note("Keys: e example, r reload, d debug info, ? all, q quit");
  await new Promise<void>((stop) => {
    if (until.aborted) stop();
    until.addEventListener("abort", () => stop(), { once: true });
  });
  restore();
}

export const dev: Command = {
  name: "dev",
  summary: "Run a function here and serve every save at once",
  description:
    "Serves the function at every path of the port, as its triggers do it, and at /v1/functions/NAME/invoke, without a\n" +
    "platform. A request that comes after a save is served by the new code; one that runs ends on the old. What does\n" +
    "not build or load is shown with its place, and answered to requests until the next save.\n" +
    "Variables come from function.yaml and .env, secrets from .secrets.env; deploys leave both files out.\n" +
    "ctx.kv and ctx.storage keep what they hold in .hanzo (KV_URL: there), ctx.publish shows its messages (NATS_URL and\n" +
    "KAFKA_BROKERS: sends them), ctx.model looks into --models.\n" +
    'example.json holds the data of example requests: {"http": {"data": {"name": "Ada"}}}, by trigger type.',
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
    {
      name: "models",
      type: "string",
      value: "DIR",
      summary: "folder with one folder per model, for ctx.model",
      completes: "files",
    },
    {
      name: "inspect",
      type: "string",
      value: "PORT",
      bare: DEFAULT_DEBUG_PORT,
      summary: `let a debugger attach (${DEFAULT_DEBUG_PORT}): Node's inspector, or debugpy for Python; lifts time limits`,
    },
    {
      name: "commands",
      type: "boolean",
      summary: "take the keys as lines of standard input, where it is no terminal",
    },
  ],
  examples: [
    "hanzo-fn dev",
    "hanzo-fn dev --port 8080 --source ./my-function",
    "hanzo-fn dev --inspect=9230",
    "hanzo-fn dev --port 0 -o json",
  ],
  async run(invocation) {
    const { flags, env, cwd, output, signal } = invocation;
    const models = flags.text("models");
    const root = await sourceFolder(invocation);
    if (!(await stat(join(root, MANIFEST_FILE)).catch(() => undefined))?.isFile()) {
      throw new UsageError(`there is no ${MANIFEST_FILE} in ${root}; hanzo-fn init makes a function`);
    }
    const show = createShow(output, root);
    const inspect = flags.text("inspect");
    const debugPort = inspect === undefined ? undefined : portOf("inspect", inspect);
    const options = {
      root,
      host: flags.text("host") ?? "127.0.0.1",
      port: portOf("port", flags.text("port") ?? "8080"),
      cache: cacheFolder(env),
      models: models === undefined ? undefined : resolve(cwd, models),
      debugPort,
      env,
    };
    const server = await serveDev(options, show, signal);
    show({ event: "listening", url: server.url, source: root });
    if (debugPort !== undefined) show({ event: "note", text: `Debugger: attach to 127.0.0.1:${debugPort}` });
    await serveUntilEnd(invocation, server, root, debugPort);
    await server.stop();
    return EXIT.ok;
  },
};
