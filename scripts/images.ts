/**
 * Assembles the runtime images into an OCI layout:
 * `node scripts/images.ts [--out .cache/images] [--base LAYOUT:NAME] [--preinstalled [--packages a,b]] [runtime ...] [platform]`.
 * Images whose inputs did not change stay as they are (`--always`: not so). Prints one line of JSON per image: name,
 * digest, compressed bytes of each layer. `--push HOST[/PATH] [--sign KEYFILE] [--url URL]` sends the runtime images to a
 * registry and prints the lines for the configuration in their place. docs/images.md says more.
 */
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { type BaseImage, type ImageRuntime, openLayout, PLATFORM_IMAGE, RUNTIME_IMAGES } from "@hanzo-fn/oci";
import { assembleImages, CACHE } from "./images/assemble.ts";
import { assemblePlatform } from "./images/platform.ts";
import { addPreinstalled } from "./images/preinstalled.ts";
import { pushImages } from "./images/push.ts";

const { values, positionals } = parseArgs({
  options: {
    out: { type: "string", default: join(CACHE, "images") },
    base: { type: "string" },
    always: { type: "boolean", default: false },
    preinstalled: { type: "boolean", default: false },
    packages: { type: "string" },
    push: { type: "string" },
    sign: { type: "string" },
    url: { type: "string" },
  },
  allowPositionals: true,
});
const PLATFORM = "platform";
const known = Object.keys(RUNTIME_IMAGES) as ImageRuntime[];
const runtimes = positionals.length > 0 ? known.filter((name) => positionals.includes(name)) : known;
const strangers = positionals.filter((name) => name !== PLATFORM && !known.includes(name as ImageRuntime));
if (strangers.length > 0)
  throw new Error(`${strangers.join(", ")}: an image is one of ${known.join(", ")}, ${PLATFORM}`);
if (values.sign !== undefined && values.push === undefined)
  throw new Error("--sign signs what --push pushes: name the registry too");

const signal = AbortSignal.timeout(60 * 60_000);
const out = resolve(values.out);
const base = values.base === undefined ? undefined : await baseOf(values.base);
await assembleImages({ out, runtimes, base, always: values.always }, signal);
const layout = await openLayout(out);
const names: string[] = runtimes.map((runtime) => RUNTIME_IMAGES[runtime]);
if (values.preinstalled) {
  for (const runtime of runtimes) {
    names.push(await addPreinstalled(layout, runtime, values.packages?.split(","), signal));
  }
}
if (positionals.includes(PLATFORM)) {
  await assemblePlatform(layout, signal);
  names.push(PLATFORM_IMAGE);
}
if (values.push === undefined) await printImages();
else {
  const options = {
    ...{ to: values.push, key: values.sign, url: values.url },
    ...{ runtimes, platform: positionals.includes(PLATFORM) },
  };
  for (const line of await pushImages(layout, options, signal)) console.log(line);
}

async function printImages(): Promise<void> {
  for (const name of names) {
    const found = await layout.find(name);
    const layers = found?.manifest.layers.map(({ size }) => size);
    console.log(JSON.stringify({ image: name, digest: found?.descriptor.digest, layers }));
  }
}

/** `LAYOUT:NAME`, where the name may hold colons itself and the folder may not. */
async function baseOf(text: string): Promise<BaseImage> {
  const at = text.indexOf(":");
  if (at < 1) throw new Error(`--base is LAYOUT:NAME, not ${text}`);
  return { layout: await openLayout(resolve(text.slice(0, at))), name: text.slice(at + 1) };
}
