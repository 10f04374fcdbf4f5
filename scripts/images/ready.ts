import { runCommand } from "../run-command.ts";

/** Assembles the runtime images that changed. Answers why there are none here; throws where it fails. */
export async function readyImages(runtimes: readonly string[] = []): Promise<string | undefined> {
  const apt = await runCommand("apt-cache", ["show", "python3.11-minimal"]);
  if (apt.code !== 0) return "apt knows no packages of Debian 12 here";
  const assembled = await runCommand("node", ["scripts/images.ts", ...runtimes]);
  if (assembled.code !== 0) throw new Error(`the images were not assembled: ${assembled.output}`);
  return undefined;
}
