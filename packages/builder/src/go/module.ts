import { cp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { buildFailed } from "../failures.ts";
import { GO_MODULE, GO_SDK, GO_SDK_MODULES, vendoredModules } from "./generate.ts";

interface GoMod {
  readonly Module?: { readonly Path: string };
  readonly Require?: readonly { readonly Path: string; readonly Version: string }[] | null;
  readonly Replace?:
    | readonly {
        readonly Old: { readonly Path: string; readonly Version?: string };
        readonly New: { readonly Path: string; readonly Version?: string };
      }[]
    | null;
}

export interface GoModule {
  readonly path: string;
  /** Its dependencies lie in its own `vendor` folder. */
  readonly vendored: boolean;
}

/** Without a version of its own, as modules that are replaced by a directory have it. */
const SDK_VERSION = "v0.0.0";
/** A path below the source, without a way out of it. */
const INSIDE = /^\.\/(?!.*(?:^|\/)\.\.(?:\/|$))/;

const isOurs = (path: string): boolean => GO_SDK_MODULES.some((module) => module.path === path);

function checkReplacements({ Replace }: GoMod): void {
  const outside = Replace?.find(
    ({ Old, New }) => !isOurs(Old.Path) && New.Version === undefined && !INSIDE.test(New.Path),
  );
  if (outside === undefined) return;
  const rule = `replace ${outside.Old.Path} => ${outside.New.Path} leaves the source`;
  throw buildFailed(`go.mod: ${rule}`, [{ path: "go.mod", rule }], "ship the code in the source");
}

/**
 * Puts the platform's SDK in the place of the one that go.mod names, whatever it names. `edit` runs `go mod edit` in
 * `root` and gives its output; `used` are the modules of the SDK that the program needs.
 */
export async function useSdk(
  root: string,
  sdk: string,
  used: readonly string[],
  edit: (args: readonly string[]) => Promise<string>,
): Promise<GoModule> {
  const mod = JSON.parse(await edit(["-json"])) as GoMod;
  checkReplacements(mod);
  const flags = (mod.Replace ?? [])
    .filter(({ Old }) => isOurs(Old.Path) && Old.Version !== undefined)
    .map(({ Old }) => `-dropreplace=${Old.Path}@${Old.Version}`);
  let version = SDK_VERSION;
  for (const { path, dir } of GO_SDK_MODULES) {
    const known = mod.Require?.find(({ Path }) => Path === path)?.Version;
    if (known === undefined && !used.includes(path)) continue;
    if (path === GO_SDK) version = known ?? SDK_VERSION;
    flags.push(`-require=${path}@${known ?? SDK_VERSION}`, `-replace=${path}=${join(sdk, dir)}`);
  }
  await edit(flags);
  const modules = await readFile(join(root, "vendor", "modules.txt"), "utf8").catch(() => undefined);
  if (modules !== undefined) await vendorSdk(root, sdk, version, modules);
  return { path: mod.Module?.Path ?? GO_MODULE, vendored: modules !== undefined };
}

/** Copies the SDK into the source's `vendor`, and enters it in the list there. */
async function vendorSdk(root: string, sdk: string, version: string, modules: string): Promise<void> {
  const target = join(root, "vendor", ...GO_SDK.split("/"));
  await rm(target, { recursive: true, force: true });
  await cp(sdk, target, { recursive: true });
  const entries = await readdir(sdk, { recursive: true, withFileTypes: true });
  const packages = entries
    .filter((entry) => entry.isFile() && entry.name.endsWith(".go"))
    .map((entry) => `${GO_SDK}${entry.parentPath.slice(sdk.length)}`);
  const language = /^go (\S+)/m.exec(await readFile(join(sdk, "go.mod"), "utf8"))?.[1] ?? "1.22";
  const text = vendoredModules(modules, {
    version,
    dir: sdk,
    go: language,
    packages: [...new Set(packages)].toSorted(),
  });
  const list = join(root, "vendor", "modules.txt");
  await rm(list);
  await writeFile(list, text);
}
