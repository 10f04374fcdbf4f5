import { execFileSync } from "node:child_process";
import { cpus, release, totalmem } from "node:os";
import { type ImageConfig, openLayout, RUNTIME_IMAGES } from "@hanzo-fn/oci";
import type { Count } from "./table.ts";

/** Where what docs/runtimes.md shows is kept. */
export const RESULTS = "runtimes/conformance/results.json";

/** What docs/runtimes.md is made of. */
export interface Results {
  readonly conditions: Readonly<Record<string, string>>;
  /** Suite to language to counts. */
  readonly processes: Readonly<Record<string, Readonly<Record<string, Count>>>>;
  readonly images: Readonly<Record<string, Readonly<Record<string, Count>>>>;
  readonly sizes: readonly ImageSize[];
}

export interface ImageSize {
  readonly image: string;
  /** In the order of the image. */
  readonly layers: ReadonlyArray<{
    readonly what: string;
    /** Compressed. */
    readonly bytes: number;
  }>;
}

/** The layers of the runtime images in a layout, with what made each. */
export async function imageSizes(folder: string): Promise<ImageSize[]> {
  const layout = await openLayout(folder);
  const names = Object.values(RUNTIME_IMAGES).flatMap((name) => [name, `${name}-preinstalled`]);
  const sizes: ImageSize[] = [];
  for (const image of names) {
    const found = await layout.find(image);
    if (found === undefined) continue;
    const { history } = await layout.readJson<ImageConfig>(found.manifest.config.digest);
    const layers = found.manifest.layers.map(({ size }, i) => ({
      what: history[i]?.created_by ?? "base",
      bytes: size,
    }));
    sizes.push({ image, layers });
  }
  return sizes;
}

/** What the results were got with; no dates, so that the same machine gives the same. */
export function conditions(): Record<string, string> {
  const all = cpus();
  return {
    machine: `${all.length} x ${all[0]?.model ?? process.arch}, ${Math.round(totalmem() / 2 ** 30)} GiB`,
    system: `${process.platform} ${release()} ${process.arch}`,
    node: process.version,
    python: version("python3", ["--version"]),
    go: version("go", ["version"]),
    rust: version("rustc", ["--version"]),
    runc: version("runc", ["--version"]),
  };
}

function version(command: string, args: readonly string[]): string {
  try {
    const text = execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    return text.split("\n")[0]?.trim() ?? "";
  } catch {
    return "not installed";
  }
}
