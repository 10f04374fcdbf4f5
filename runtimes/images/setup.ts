import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { readyImages } from "../../scripts/images/ready.ts";
import { ROOT } from "../../scripts/run-command.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The layout with the runtime images, or why there is none. */
    readonly images: { readonly layout: string } | { readonly reason: string };
  }
}

/** Assembles the runtime images, those that changed. */
// oxlint-disable-next-line import/no-default-export -- vitest asks for it
export default async function setup({ provide }: TestProject): Promise<void> {
  const reason = await readyImages();
  if (reason !== undefined) return provide("images", { reason });
  provide("images", { layout: join(ROOT, ".cache", "images") });
}
