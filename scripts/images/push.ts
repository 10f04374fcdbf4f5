import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { configLines, pushNamed, pushRuntimeImages } from "@hanzo-fn/images";
import { systemClock } from "@hanzo-fn/lifecycle";
import {
  createRegistry,
  digestReference,
  dockerConfigCredentials,
  httpTransport,
  type ImageRuntime,
  type Layout,
  PLATFORM_IMAGE,
} from "@hanzo-fn/oci";

export interface PushOptions {
  /** `host[:port][/path]`. */
  readonly to: string;
  /** File with the private key. */
  readonly key: string | undefined;
  /** Where that is reached from here, if not under its own name. */
  readonly url: string | undefined;
  readonly runtimes: readonly ImageRuntime[];
  /** The platform's own image too. */
  readonly platform: boolean;
}

/** Pushes images and signs them where there is a key; answers the lines for the configuration. */
export async function pushImages(
  layout: Layout,
  { to, key, url, runtimes, platform }: PushOptions,
  signal: AbortSignal,
): Promise<string[]> {
  const [host = "", ...path] = to.split("/");
  const credentials = dockerConfigCredentials(
    join(process.env["DOCKER_CONFIG"] ?? join(homedir(), ".docker"), "config.json"),
  );
  const log = { warn: (message: string): void => console.error(message) };
  const registry = createRegistry(
    { host, credentials, transport: httpTransport(), clock: systemClock, log },
    { url: url === undefined ? undefined : new URL(url) },
  );
  const signingKey =
    key === undefined
      ? undefined
      : { pem: await readFile(key, "utf8"), password: process.env["COSIGN_PASSWORD"] };
  const target = { registry, prefix: path.join("/"), signingKey };
  const lines = configLines(await pushRuntimeImages(layout, { ...target, runtimes }, signal));
  if (!platform) return lines;
  const own = await pushNamed(layout, PLATFORM_IMAGE, target, signal);
  return [...lines, `# the platform: ${digestReference(host, own.repository, own.digest)}`];
}
