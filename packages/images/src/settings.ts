import { access, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Config, PlatformError } from "@hanzo-fn/contract";
import type { ImageRuntime, SigningKey } from "@hanzo-fn/oci";
import type { BasePin } from "./bases.ts";
import { registryParts } from "./names.ts";

/** What the configuration says about images (its section `images`, and `runtimes.*.image`), with keys read from their files. */
export interface ImageSettings {
  /** With its port where it has one. */
  readonly host: string;
  /** Path in front of every repository; may be empty. */
  readonly prefix: string;
  /** Where the registry is reached from here, if not under its own name. */
  readonly url: URL | undefined;
  /** PEM. */
  readonly ca: string | undefined;
  readonly dockerConfig: string;
  readonly layout: string | undefined;
  readonly bases: Readonly<Record<ImageRuntime, BasePin>>;
  /** PEM; none: the digest alone is the proof. */
  readonly trustedKeys: readonly string[];
  readonly signingKey: SigningKey | undefined;
}

interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The home of the user that the platform runs as. */
  readonly home: string;
}

/** Throws `bad_request` for a registry that is missing and for files that cannot be read. */
export async function readImageSettings(
  { images, runtimes }: Config,
  { env, home }: Surroundings,
): Promise<ImageSettings> {
  if (images.registry === undefined) {
    throw unusable("there is no registry for function images", "Set images.registry to host[:port][/path]");
  }
  if (images.layout !== undefined) await checkLayout(images.layout);
  const folder = env["DOCKER_CONFIG"] || join(home, ".docker");
  const bases = {
    python: { image: runtimes.python.image, digest: images.baseDigests.python },
    go: { image: runtimes.go.image, digest: images.baseDigests.go },
    rust: { image: runtimes.rust.image, digest: images.baseDigests.rust },
    typescript: { image: runtimes.typescript.image, digest: images.baseDigests.typescript },
  };
  const key = images.privateKey;
  return {
    ...registryParts(images.registry),
    url: images.registryUrl === undefined ? undefined : new URL(images.registryUrl),
    ca: images.ca === undefined ? undefined : await readKey(images.ca, "images.ca"),
    dockerConfig: images.dockerConfig ?? join(folder, "config.json"),
    layout: images.layout,
    bases,
    trustedKeys: await Promise.all(images.signingKeys.map((one) => readKey(one, "images.signing_keys"))),
    signingKey:
      key === undefined
        ? undefined
        : {
            pem: await readKey(key, "images.private_key"),
            password: images.privateKeyPassword?.reveal(),
          },
  };
}

/** Opening one that is not there would make it, and a misspelt path would be an empty layout. */
async function checkLayout(folder: string): Promise<void> {
  try {
    await access(join(folder, "oci-layout"));
  } catch (cause) {
    const next = `Make it (node scripts/images.ts --out ${folder}), or change images.layout`;
    throw unusable(`images.layout names ${folder}, where no OCI layout is`, next, cause);
  }
}

/** PEM as it is, or out of a file. */
async function readKey(text: string, key: string): Promise<string> {
  if (text.includes("-----BEGIN ")) return text;
  try {
    return await readFile(text, "utf8");
  } catch (cause) {
    throw unusable(
      `${key} names ${text}, which cannot be read`,
      `Put the file there, or change ${key}`,
      cause,
    );
  }
}

function unusable(message: string, next: string, cause?: unknown): PlatformError {
  return new PlatformError("bad_request", message, { component: "images", next, cause });
}
