import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { ROOT, runCommand } from "../../scripts/run-command.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The layout with the runtime images, or why there is none. */
    readonly images: { readonly layout: string } | { readonly reason: string };
  }
}

/** Assembles the runtime images, those that changed. */
// oxlint-disable-next-line import/no-default-export -- vitest asks for it
export default async function setup({ provide }: TestProject): Promise<void> {
  const apt = await runCommand("apt-cache", ["show", "python3.11-minimal"]);
  if (apt.code !== 0) return provide("images", { reason: "apt knows no packages of Debian 12 here" });
  const assembled = await runCommand("node", ["scripts/images.ts"]);
  if (assembled.code !== 0) throw new Error(`the images were not assembled: ${assembled.output}`);
  provide("images", { layout: join(ROOT, ".cache", "images") });
}
