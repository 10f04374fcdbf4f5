import { execFile } from "node:child_process";
import { PlatformError, Secret } from "@hanzo-fn/contract";
import { abortable, type Clock, createSingleFlight } from "@hanzo-fn/lifecycle";
import type { Credential, Credentials } from "./access.ts";
import type { ExecPlugin, KubeconfigCluster } from "./kubeconfig-file.ts";
import { COMPONENT, unusable } from "./refused.ts";

export interface ExecSettings {
  readonly plugin: ExecPlugin;
  readonly cluster: KubeconfigCluster & { readonly caPem?: string | undefined };
  /** The environment of the program, to which the plugin's own variables are added. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

interface Held {
  readonly credential: Credential;
  /** Milliseconds since the epoch; absent where it does not end. */
  readonly expiresAt: number | undefined;
}

/** A plugin that opens a browser has nobody to look at it here. */
const PLUGIN_MS = 60_000;
/** Asked for again this long before it ends, so that none ends on the way. */
const EARLY_MS = 10_000;

/** Credentials from a program, by the protocol client.authentication.k8s.io; one program at a time, killed when it hangs. */
export function execCredentials(clock: Clock, settings: ExecSettings): Credentials {
  const singly = createSingleFlight<Held>();
  let held: Held | undefined;
  return {
    async current(signal) {
      signal.throwIfAborted();
      if (!held || (held.expiresAt ?? Infinity) - EARLY_MS <= clock.now()) {
        const asked = singly("", async () => {
          held = readCredential(settings.plugin, await runPlugin(settings));
          return held;
        });
        return (await abortable(asked, signal)).credential;
      }
      return held.credential;
    },
    renew() {
      held = undefined;
      return true;
    },
  };
}

function runPlugin({ plugin, cluster, environment }: ExecSettings): Promise<string> {
  const info = {
    apiVersion: plugin.apiVersion,
    kind: "ExecCredential",
    spec: { interactive: false, ...(plugin.provideClusterInfo ? { cluster: clusterInfo(cluster) } : {}) },
  };
  const env = { ...environment, ...plugin.env, KUBERNETES_EXEC_INFO: JSON.stringify(info) };
  return new Promise((resolve, reject) => {
    const options = { env, timeout: PLUGIN_MS, killSignal: "SIGKILL", maxBuffer: 1024 * 1024 } as const;
    const child = execFile(plugin.command, [...plugin.args], options, (error, stdout, stderr) => {
      if (error) reject(failed(plugin, error, stderr));
      else resolve(stdout);
    });
    child.stdin?.end();
  });
}

function clusterInfo(cluster: ExecSettings["cluster"]): object {
  return {
    server: cluster.server,
    ...(cluster.serverName === undefined ? {} : { "tls-server-name": cluster.serverName }),
    ...(cluster.skipTlsVerify ? { "insecure-skip-tls-verify": true } : {}),
    ...(cluster.caPem === undefined
      ? {}
      : { "certificate-authority-data": Buffer.from(cluster.caPem).toString("base64") }),
  };
}

function failed(
  plugin: ExecPlugin,
  error: Error & { code?: unknown; killed?: boolean },
  stderr: string,
): Error {
  if (error.code === "ENOENT") {
    return unusable(
      `the credential plugin ${plugin.command} is not installed`,
      plugin.installHint ?? "Install it, or use another user of the kubeconfig.",
    );
  }
  const how =
    error.killed === true
      ? `did not end within ${PLUGIN_MS / 1000} s`
      : `failed with exit code ${String(error.code)}`;
  const said = stderr.trim().split("\n").slice(-3).join(" ");
  // Not the error itself: its message has the whole command line.
  return new PlatformError(
    "cluster_unavailable",
    `the credential plugin ${plugin.command} ${how}${said === "" ? "" : `: ${said}`}`,
    {
      component: COMPONENT,
      next: "Run the plugin by hand; it must work without a terminal.",
    },
  );
}

function readCredential(plugin: ExecPlugin, output: string): Held {
  const next = `Check what ${plugin.command} prints: an ExecCredential with a status.`;
  let status: Readonly<Record<string, unknown>> | undefined;
  try {
    ({ status } = JSON.parse(output) as { status?: Record<string, unknown> });
  } catch {
    throw unusable(`the credential plugin ${plugin.command} printed no JSON`, next);
  }
  const { token, clientCertificateData: cert, clientKeyData: key, expirationTimestamp } = status ?? {};
  if (typeof token !== "string" && typeof cert !== "string") {
    throw unusable(`the credential plugin ${plugin.command} gave neither a token nor a certificate`, next);
  }
  return {
    credential: {
      authorization: typeof token === "string" ? new Secret(`Bearer ${token.trim()}`) : undefined,
      cert: typeof cert === "string" ? cert : undefined,
      key: typeof key === "string" ? new Secret(key) : undefined,
    },
    expiresAt: typeof expirationTimestamp === "string" ? Date.parse(expirationTimestamp) : undefined,
  };
}
