import { cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { stripTypeScriptTypes } from "node:module";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const HERE = dirname(fileURLToPath(import.meta.url));
/** Made of the sources by scripts/generate-sdk-types.ts. */
const TYPES = join(HERE, "..", "types");
/** What is written is the package that users import as well, with its types. */
const PACKAGE = {
  name: "@hanzo/functions",
  version: "0.1.0",
  type: "module",
  license: "Apache-2.0",
  exports: {
    ".": { types: "./types/index.d.ts", default: "./index.js" },
    "./testing": { types: "./types/testing/index.d.ts", default: "./testing/index.js" },
  },
};
/** These work for the platform and are no part of an instance. */
const LEFT_OUT = ["emit.ts", "emit-main.ts"];

async function emitAll(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o755 });
  await writeFile(join(directory, "package.json"), `${JSON.stringify(PACKAGE, null, 2)}\n`);
  await cp(TYPES, join(directory, "types"), { recursive: true });
  const files = (await readdir(HERE, { recursive: true })).filter(
    (file) => file.endsWith(".ts") && !file.endsWith(".test.ts") && !LEFT_OUT.includes(file),
  );
  await Promise.all(files.map((file) => emitFile(file, directory)));
}

async function emitFile(file: string, directory: string): Promise<void> {
  const target = join(directory, file.replace(/\.ts$/, ".js"));
  await mkdir(dirname(target), { recursive: true, mode: 0o755 });
  const script = stripTypeScriptTypes(await readFile(join(HERE, file), "utf8"), { mode: "strip" });
  // The import specifiers of this package, and nothing else, have this form.
  await writeFile(target, script.replaceAll(/((?:from |import\()")(\.{1,2}\/[\w/.-]+)\.ts"/g, '$1$2.js"'), {
    mode: 0o644,
  });
}

const [directory] = process.argv.slice(2);
if (directory === undefined) throw new Error("the directory to write into is missing");
await emitAll(directory);
