import { listOf, optional, secret } from "./field.ts";
import { digest, hidden, many, url, words } from "./leaves.ts";

const pin = (runtime: string) =>
  optional(digest, { description: `Digest of the image that ${runtime} functions stand on.` });

/** Images of functions, and what they stand on (HIP-60, Supply Chain Security). Files are PEM where they hold keys. */
export const IMAGES = {
  registry: optional(() => words(512), {
    description: "Registry that function images are pushed to, as `host[:port][/path]`.",
  }),
  registry_url: optional(() => url(["https", "http"]), {
    description:
      "Where the platform reaches that registry. Default: under its own name, without TLS on this machine and `*.local`.",
  }),
  ca: optional(() => words(4096), {
    description: "File with the certificates of the registries' authority. Default: the system's.",
  }),
  docker_config: optional(() => words(4096), {
    description:
      "Docker's `config.json` with the credentials for registries. Default: `config.json` in `$DOCKER_CONFIG`, else in `~/.docker`.",
  }),
  layout: optional(() => words(4096), {
    description:
      "OCI layout with the runtime images. They are pinned to its digests where `base_digests` names none, and pushed where a development registry lacks them.",
  }),
  base_digests: {
    python: pin("Python"),
    go: pin("Go"),
    rust: pin("Rust"),
    typescript: pin("TypeScript"),
  },
  signing_keys: listOf(() => many(() => words(4096)), {
    fallback: [],
    description:
      "Public keys, or files with them, one of which must have signed a base image. Without any, the digest alone is the proof.",
  }),
  private_key: optional(() => words(4096), {
    description:
      "File with the private key that function images are signed with. Default: they are not signed.",
  }),
  private_key_password: secret(hidden, {
    env: ["COSIGN_PASSWORD"],
    description: "Password of that key, where `cosign generate-key-pair` made it.",
  }),
} as const;
