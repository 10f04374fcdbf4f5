import { copyFile, mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { type Command, EXIT, UsageError } from "../command.ts";

const REPOSITORY = fileURLToPath(new URL("../../..", import.meta.url));
const RUNTIMES = ["python", "typescript"] as const;
const SCHEMA = join(".hanzo", "function.schema.json");

/** Template files of a runtime; `{{name}}` and `{{schema}}` are filled in. */
async function templateFiles(runtime: string): Promise<{ path: string; text: string }[]> {
  const root = join(REPOSITORY, "runtimes", runtime, "templates");
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && !entry.parentPath.includes("__pycache__"));
  return Promise.all(
    files.map(async (entry) => {
      const absolute = join(entry.parentPath, entry.name);
      // A test of the template would otherwise be one of the repository.
      return {
        path: relative(root, absolute).replace(/\.template$/, ""),
        text: await readFile(absolute, "utf8"),
      };
    }),
  );
}

export const init: Command = {
  name: "init",
  summary: "Start a new function from a template",
  description: "Makes a folder with a handler, a manifest that your editor understands, and a test.",
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
      summary: "python (default) or typescript",
      choices: RUNTIMES,
    },
    { name: "name", type: "string", value: "NAME", summary: "name of the function (default my-function)" },
    { name: "force", type: "boolean", summary: "write over files that exist" },
  ],
  examples: ["hanzo-fn init --runtime python --name my-function", "hanzo-fn init . --runtime typescript"],
  async run({ args, flags, cwd, output }) {
    const name =
      flags.text("name") ?? (args[0] === undefined ? "my-function" : basename(resolve(cwd, args[0])));
    if (!/^[a-z][a-z0-9-]{0,38}[a-z0-9]$|^[a-z]$/.test(name)) {
      throw new UsageError(
        `${JSON.stringify(name)} is no function name: lower-case letters, digits and hyphens, at most 40`,
      );
    }
    const folder = resolve(cwd, args[0] ?? name);
    const files = await templateFiles(flags.text("runtime") ?? "python");
    const existing = await readdir(folder, { recursive: true }).catch(() => [] as string[]);
    const clash = files.find((file) => existing.includes(file.path));
    if (clash !== undefined && !flags.on("force")) {
      throw new UsageError(
        `${join(relative(cwd, folder) || ".", clash.path)} exists; --force writes over it`,
      );
    }
    for (const file of files) {
      const path = join(folder, file.path);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, file.text.replaceAll("{{name}}", name).replaceAll("{{schema}}", SCHEMA));
    }
    await mkdir(join(folder, dirname(SCHEMA)), { recursive: true });
    await copyFile(join(REPOSITORY, "docs", "schema", "function.schema.json"), join(folder, SCHEMA));
    const shown = relative(cwd, folder) || ".";
    await output.result(
      { name, folder, files: files.map((file) => file.path) },
      () => {
        for (const file of files) output.line(join(shown, file.path));
        output.note(`Next: hanzo-fn deploy --source ${shown}`);
      },
      () => [name],
    );
    return EXIT.ok;
  },
};
