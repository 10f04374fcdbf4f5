import { readFile } from "node:fs/promises";
import path from "node:path";
import { Secret } from "@hanzo-fn/contract";
import type { Clock } from "@hanzo-fn/lifecycle";
import type { ClusterAccess, Credentials } from "./access.ts";
import { execCredentials } from "./exec-plugin.ts";
import { type FileOrData, type KubeconfigContext, readContext } from "./kubeconfig-file.ts";
import { unusable } from "./refused.ts";
import { tokenFileCredentials } from "./token-file.ts";

/** Where kubelet puts the service account of a pod. */
const SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

export interface KubeconfigSettings {
  /** Later files add to earlier ones, as in KUBECONFIG. */
  readonly files: readonly string[];
  readonly context?: string | undefined;
  /** What credential plugins run with. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** One context of a kubeconfig: certificates, tokens, token files and credential plugins. */
export async function kubeconfigAccess(clock: Clock, settings: KubeconfigSettings): Promise<ClusterAccess> {
  const files = await Promise.all(
    settings.files.map(async (file) => ({ file: path.resolve(file), text: await load(file) })),
  );
  const context = readContext(files, settings.context);
  const { cluster, user } = context;
  const ca = await content(cluster.ca);
  return {
    server: new URL(cluster.server),
    ca,
    serverName: cluster.serverName,
    skipTlsVerify: cluster.skipTlsVerify,
    namespace: context.namespace,
    headers: user.impersonate,
    credentials: await credentialsOf(clock, context, ca, settings.environment),
    origin: `context "${context.name}" of ${settings.files.join(", ")}`,
  };
}

export interface InClusterSettings {
  /** KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT. */
  readonly host: string;
  readonly port: string;
  /** Another folder than kubelet's, for tests. */
  readonly folder?: string | undefined;
}

/** The service account of the pod that this runs in; its token is read again as kubelet renews it. */
export async function inClusterAccess(clock: Clock, settings: InClusterSettings): Promise<ClusterAccess> {
  const { folder = SERVICE_ACCOUNT, host, port } = settings;
  const [ca, namespace] = await Promise.all(
    ["ca.crt", "namespace"].map((name) => load(path.join(folder, name))),
  );
  return {
    server: new URL(`https://${host.includes(":") ? `[${host}]` : host}:${port}`),
    ca,
    skipTlsVerify: false,
    namespace: namespace!.trim(),
    headers: {},
    credentials: tokenFileCredentials(clock, path.join(folder, "token")),
    origin: `the service account in ${folder}`,
  };
}

async function credentialsOf(
  clock: Clock,
  { cluster, user }: KubeconfigContext,
  caPem: string | undefined,
  environment: KubeconfigSettings["environment"],
): Promise<Credentials> {
  if (user.exec)
    return execCredentials(clock, { plugin: user.exec, cluster: { ...cluster, caPem }, environment });
  const [cert, key] = await Promise.all([content(user.cert), content(user.key)]);
  const certificate = { cert, key: key === undefined ? undefined : new Secret(key) };
  // kubectl's order: the file counts before the token beside it.
  if (user.tokenFile !== undefined) {
    const fromFile = tokenFileCredentials(clock, user.tokenFile);
    return {
      ...fromFile,
      current: async (signal) => ({ ...(await fromFile.current(signal)), ...certificate }),
    };
  }
  const basic = user.basic && Buffer.from(`${user.basic.username}:${user.basic.password}`).toString("base64");
  const value = user.token === undefined ? basic && `Basic ${basic}` : `Bearer ${user.token}`;
  const fixed = { ...certificate, authorization: value === undefined ? undefined : new Secret(value) };
  return { current: () => Promise.resolve(fixed), renew: () => false };
}

async function content(source: FileOrData | undefined): Promise<string | undefined> {
  if (source === undefined) return undefined;
  return "data" in source ? source.data : load(source.file);
}

function load(file: string): Promise<string> {
  return readFile(file, "utf8").catch((error: unknown) => {
    throw unusable(
      `${file} cannot be read: ${(error as NodeJS.ErrnoException).code ?? String(error)}`,
      "Check the path and who may read it.",
      error,
    );
  });
}
