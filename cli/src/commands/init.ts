import { copyFile, mkdir, readdir, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { RUNTIMES, type RuntimeName } from "@hanzo-fn/contract";
import { type Command, EXIT, UsageError } from "../command.ts";
import { linkSdk } from "../dev/sdk.ts";
import { allTemplates, DEFAULT_TEMPLATE, readTemplate, templateNames } from "../dev/templates.ts";

const SCHEMA_SOURCE = fileURLToPath(new URL("../../../docs/schema/function.schema.json", import.meta.url));
const SCHEMA = join(".hanzo", "function.schema.json");
const MAX_SHOWN = 5;

/** What a folder may hold and still be empty to its owner. */
const NOTHING = new Set([".git", ".DS_Store", ".hanzo"]);

async function checkFolder(folder: string, shown: string): Promise<void> {
  const info = await stat(folder).catch(() => undefined);
  if (info === undefined) return;
  if (!info.isDirectory()) throw new UsageError(`${shown} is a file`);
  const names = (await readdir(folder)).filter((name) => !NOTHING.has(name)).toSorted();
  if (names.length === 0) return;
  const some = `${names.slice(0, MAX_SHOWN).join(", ")}${names.length > MAX_SHOWN ? ", …" : ""}`;
  throw new UsageError(`${shown} is not empty: it holds ${some}; --force writes over files of the template`);
}

async function checkTemplate(runtime: RuntimeName, template: string): Promise<void> {
  if ((await templateNames(runtime)).includes(template)) return;
  throw new UsageError(
    `there is no template ${JSON.stringify(template)} for ${runtime}; there are ${await allTemplates()}`,
  );
}

function nameOf(given: string | undefined, folder: string | undefined): string {
  const name = given ?? (folder === undefined ? "my-function" : basename(folder));
  if (/^[a-z][a-z0-9-]{0,38}[a-z0-9]$|^[a-z]$/.test(name)) return name;
  throw new UsageError(
    `${JSON.stringify(name)} is no function name: lower-case letters, digits and hyphens, at most 40`,
  );
}

export const init: Command = {
  name: "init",
  summary: "Start a new function from a template",
  description:
    "Makes a folder with a handler, a manifest that your editor understands, a unit test and an example request.\n" +
    "Templates: http (an answer to a request), webhook (a signed one), llm-stream (server-sent events), model (an\n" +
    "embedding by ctx.model), queue (messages in batches), stream (counts by key), cron (a schedule), inference (token\n" +
    "usage and an alert). What the language's tools need to find the SDK is written too, for this machine alone.",
  args: [
    {
      name: "folder",
      required: false,
      summary: "where to make it (default: a folder named like the function)",
    },
  ],
  flags: [
    {
      name: "runtime",
      type: "string",
      value: "RUNTIME",
      summary: "python (default), go, rust or typescript",
      choices: RUNTIMES,
    },
    {
      name: "template",
      type: "string",
      value: "TEMPLATE",
      summary: "http (default), webhook, llm-stream, model, queue, stream, cron or inference",
    },
    { name: "name", type: "string", value: "NAME", summary: "name of the function (default my-function)" },
    { name: "force", type: "boolean", summary: "write over files that exist" },
  ],
  examples: [
    "hanzo-fn init --runtime python --name my-function",
    "hanzo-fn init --runtime go --template llm-stream --name my-answers",
    "hanzo-fn init --template queue --name my-orders",
    "hanzo-fn init . --runtime typescript",
  ],
  async run({ args, flags, cwd, output }) {
    const name = nameOf(flags.text("name"), args[0] === undefined ? undefined : resolve(cwd, args[0]));
    const runtime = (flags.text("runtime") ?? "python") as RuntimeName;
    const template = flags.text("template") ?? DEFAULT_TEMPLATE;
    await checkTemplate(runtime, template);
    const folder = resolve(cwd, args[0] ?? name);
    const shown = relative(cwd, folder) || ".";
    if (!flags.on("force")) await checkFolder(folder, shown);
    const files = await readTemplate(runtime, template, { name, schema: SCHEMA });
    for (const file of files) {
      const path = join(folder, file.path);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, file.text);
    }
    await mkdir(join(folder, dirname(SCHEMA)), { recursive: true });
    await copyFile(SCHEMA_SOURCE, join(folder, SCHEMA));
    await linkSdk(folder, runtime);
    await output.result(
      { name, runtime, template, folder, files: files.map((file) => file.path) },
      () => {
        for (const file of files) output.line(join(shown, file.path));
        const there = shown === "." ? "" : ` --source ${shown}`;
        output.note(`Next: hanzo-fn test${there}, hanzo-fn dev${there}, hanzo-fn deploy${there}`);
      },
      () => [name],
    );
    return EXIT.ok;
  },
};
