import { resolve } from "node:path";
import { type Command, EXIT, type Invocation, UsageError } from "../command.ts";
import { saveContext } from "../contexts.ts";
import { isUsable } from "../config-problems.ts";
import { readConfig } from "../serve/config.ts";
import { type Platform, startPlatform } from "../serve/platform.ts";

/** Flags that stand for keys of the configuration. */
const CONFIG_FLAGS: readonly (readonly [flag: string, key: string])[] = [
  ["data-dir", "data_dir"],
  ["host", "server.host"],
  ["api-port", "server.api_port"],
  ["invoke-port", "server.invoke_port"],
  ["metrics-port", "server.metrics_port"],
  ["layer-port", "layer.port"],
  ["planes", "planes"],
  ["engine", "engine"],
  ["log-level", "observability.log_level"],
];

function configFlags({ flags, cwd }: Invocation): Record<string, string> {
  const given = CONFIG_FLAGS.flatMap(([flag, key]) => {
    const value = flags.text(flag);
    return value === undefined ? [] : [[key, flag === "data-dir" ? resolve(cwd, value) : value] as const];
  });
  return Object.fromEntries(given);
}

function announce({ output }: Invocation, platform: Platform, context: string | undefined): void {
  output.note("");
  output.note(`hanzo-fn is ready (engine ${platform.engine}, data in ${platform.dataDir})`);
  output.note(`  control plane  ${platform.urls.api}   reference ${platform.urls.api}/reference`);
  output.note(`  invoke proxy   ${platform.urls.invoke}`);
  output.note(`  metrics        ${platform.urls.metrics}/metrics`);
  if (platform.urls.layer !== undefined) output.note(`  layer          ${platform.urls.layer}`);
  if (context !== undefined)
    output.note(`  context ${context} saved: the CLI finds the platform and its admin key`);
  for (const warning of platform.warnings) output.note(`  note: ${warning}`);
  output.note("Ctrl-C stops it; a second one at once.");
}

export const serve: Command = {
  name: "serve",
  summary: "Run the platform",
  description:
    "Without --config everything runs in this process on an embedded PostgreSQL and the local engine.\n" +
    "Logs are JSON lines on stdout.",
  args: [],
  flags: [
    { name: "config", type: "string", value: "FILE", summary: "config.yaml", completes: "files" },
    {
      name: "data-dir",
      type: "string",
      value: "DIR",
      summary: "where everything is kept",
      completes: "files",
    },
    { name: "host", type: "string", value: "ADDRESS", summary: "address to listen on" },
    {
      name: "api-port",
      type: "string",
      value: "PORT",
      summary: "port of the control plane (8060); 0 takes a free one",
    },
    {
      name: "invoke-port",
      type: "string",
      value: "PORT",
      summary: "port of the invoke proxy (8061); 0 takes a free one",
    },
    {
      name: "metrics-port",
      type: "string",
      value: "PORT",
      summary: "port of the metrics (9060); 0 takes a free one",
    },
    {
      name: "layer-port",
      type: "string",
      value: "PORT",
      summary: "port of Layer (8080); 0 takes a free one",
    },
    {
      name: "planes",
      type: "string",
      value: "PLANES",
      summary: "parts that run in this process: api,proxy (default), and layer",
    },
    {
      name: "engine",
      type: "string",
      value: "ENGINE",
      summary: "auto, local or knative",
      choices: ["auto", "local", "knative"],
    },
    { name: "log-level", type: "string", value: "LEVEL", summary: "least severe level that is logged" },
    { name: "no-context", type: "boolean", summary: "do not save a context for the CLI" },
  ],
  examples: ["hanzo-fn serve", "hanzo-fn serve --config /etc/functions/config.yaml"],
  async run(invocation) {
    const { flags, env, output, signal } = invocation;
    const loaded = await readConfig(flags.text("config"), configFlags(invocation), invocation);
    if (!isUsable(output, loaded)) return EXIT.usage;
    if (flags.text("output") !== undefined) throw new UsageError("serve has no -o: it logs JSON lines");
    for (const warning of loaded.warnings) output.note(`warning: ${warning.path ?? ""}: ${warning.rule}`);
    const platform = await startPlatform(loaded.config, signal);
    let context: string | undefined;
    if (platform.adminKey !== undefined && !flags.on("no-context")) {
      context = "local";
      const saved = {
        server: platform.urls.api,
        invoke_server: platform.urls.invoke,
        token: platform.adminKey,
      };
      await saveContext(env, context, saved, true);
    }
    announce(invocation, platform, context);
    await new Promise<void>((stop) => {
      if (signal.aborted) stop();
      signal.addEventListener("abort", () => stop(), { once: true });
    });
    output.note("Stopping: running calls may finish.");
    await platform.stop();
    return EXIT.ok;
  },
};
