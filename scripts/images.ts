/**
 * Assembles the runtime images into an OCI layout:
 * `node scripts/images.ts [--out .cache/images] [--base LAYOUT:NAME] [--preinstalled [--packages a,b]] [runtime ...]`.
 * Images whose inputs did not change stay as they are (`--always`: not so). Prints one line of JSON per image: name,
 * digest, compressed bytes of each layer. docs/images.md says more.
 */
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { type BaseImage, type ImageRuntime, openLayout, RUNTIME_IMAGES } from "@hanzo-fn/oci";
import { assembleImages, CACHE } from "./images/assemble.ts";
import { addPreinstalled } from "./images/preinstalled.ts";

const { values, positionals } = parseArgs({
  options: {
    out: { type: "string", default: join(CACHE, "images") },
    base: { type: "string" },
    always: { type: "boolean", default: false },
    preinstalled: { type: "boolean", default: false },
    packages: { type: "string" },
  },
  allowPositionals: true,
});
const known = Object.keys(RUNTIME_IMAGES) as ImageRuntime[];
const runtimes = positionals.length > 0 ? known.filter((name) => positionals.includes(name)) : known;
const strangers = positionals.filter((name) => !known.includes(name as ImageRuntime));
if (strangers.length > 0) throw new Error(`${strangers.join(", ")}: a runtime is one of ${known.join(", ")}`);

const signal = AbortSignal.timeout(60 * 60_000);
const out = resolve(values.out);
const base = values.base === undefined ? undefined : await baseOf(values.base);
await assembleImages({ out, runtimes, base, always: values.always }, signal);
const layout = await openLayout(out);
const names = runtimes.map((runtime) => RUNTIME_IMAGES[runtime]);
if (values.preinstalled) {
  for (const runtime of runtimes) {
    names.push(await addPreinstalled(layout, runtime, values.packages?.split(","), signal));
  }
}
for (const name of names) {
  const found = await layout.find(name);
  const layers = found?.manifest.layers.map(({ size }) => size);
  console.log(JSON.stringify({ image: name, digest: found?.descriptor.digest, layers }));
}

/** `LAYOUT:NAME`, where the name may hold colons itself and the folder may not. */
async function baseOf(text: string): Promise<BaseImage> {
  const at = text.indexOf(":");
  if (at < 1) throw new Error(`--base is LAYOUT:NAME, not ${text}`);
  return { layout: await openLayout(resolve(text.slice(0, at))), name: text.slice(at + 1) };
}
