import type { LayerEntry } from "../entries.ts";
import type { RunConfig } from "../media-types.ts";
import { NONROOT } from "../debian/root.ts";

/** Where a function's code lies in its image, and what a container listens on. */
export const APP = "/app";
const PORT = 8080;

/** A layer that is still to be written. */
export interface LayerRecipe {
  readonly createdBy: string;
  readonly entries: readonly LayerEntry[];
}

/** The part of the run configuration that all runtimes share. */
export function runtimeConfig(version: string, env: Readonly<Record<string, string>>): RunConfig {
  const variables = {
    PATH: "/usr/local/bin:/usr/bin:/bin",
    LANG: "C.UTF-8",
    HOME: "/tmp",
    PORT: String(PORT),
    SSL_CERT_FILE: "/etc/ssl/certs/ca-certificates.crt",
    ...env,
  };
  return {
    Entrypoint: ["/usr/bin/hanzo-fn-agent"],
    Env: Object.entries(variables).map(([name, value]) => `${name}=${value}`),
    User: `${NONROOT}:${NONROOT}`,
    WorkingDir: APP,
    ExposedPorts: { [`${PORT}/tcp`]: {} },
    StopSignal: "SIGTERM",
    Labels: { "org.opencontainers.image.title": version },
  };
}
