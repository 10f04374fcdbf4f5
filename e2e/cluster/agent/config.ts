import { join } from "node:path";
import type { ApiClientFiles } from "../api-client.ts";
import type { Layout } from "../layout.ts";
import { apiUrl } from "../platform/certificates.ts";
import type { Endpoint } from "./network-policy.ts";

export interface AgentConfig {
  readonly api: string;
  readonly files: ApiClientFiles;
  /** Address to answer on, port 53. */
  readonly dns: string;
  /** Names that are no service's, with their address. */
  readonly names: Readonly<Record<string, string>>;
  /** Parts of the platform that are processes here and pods elsewhere, so that policies may name them as such. */
  readonly standIns: readonly Endpoint[];
}

export function clientFiles(layout: Layout, name: string): ApiClientFiles {
  const file = (extension: string): string => join(layout.certificates, `${name}.${extension}`);
  return { ca: join(layout.certificates, "ca.crt"), cert: file("crt"), key: file("key") };
}

export function agentConfig(layout: Layout): AgentConfig {
  const { dns, node, host } = layout.addresses;
  return {
    api: apiUrl(layout),
    files: clientFiles(layout, "agent"),
    dns,
    names: { "registry.local": node, "host.local": host },
    standIns: [
      {
        namespace: "kube-system",
        labels: { "k8s-app": "kube-dns" },
        ip: dns,
        ports: [{ name: "dns", protocol: "UDP", port: 53 }],
      },
    ],
  };
}
