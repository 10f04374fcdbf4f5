import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { unsupported } from "./failures.ts";

/** The variable that tells a compiled function where onnxruntime's shared library is. */
export const ONNXRUNTIME = "HANZO_ONNXRUNTIME";

/** The library for this machine in a layer that holds `onnxruntime-node`. */
export async function onnxruntimeLibrary(layer: string): Promise<string> {
  const root = join(layer, "node_modules", "onnxruntime-node", "bin");
  const folder = `/${process.platform}/${process.arch}/`;
  const files = await readdir(root, { recursive: true }).catch(() => []);
  const isLibrary = (file: string): boolean =>
    `/${file}`.includes(folder) && /libonnxruntime\.(?:[\d.]+)?(?:so|dylib)[\d.]*$/.test(file);
  const found = files.filter(isLibrary).toSorted((a, b) => a.length - b.length)[0];
  if (found !== undefined) return join(root, found);
  throw unsupported(
    `onnxruntime has no library for ${process.platform} on ${process.arch}`,
    "run functions that load models on another machine",
  );
}
