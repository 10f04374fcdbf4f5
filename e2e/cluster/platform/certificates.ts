import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { API_PORT, type Layout, NODE } from "../layout.ts";
import type { Command } from "./command.ts";

/** One key pair and what its certificate says. */
interface Request {
  readonly name: string;
  readonly subject: string;
  readonly names?: readonly string[];
}

/** Clients of the API server with a kubeconfig each: file name to subject. */
const CLIENTS: Readonly<Record<string, string>> = {
  admin: "/O=system:masters/CN=admin",
  "kube-controller-manager": "/CN=system:kube-controller-manager",
  "kube-scheduler": "/CN=system:kube-scheduler",
  "kube-proxy": "/CN=system:kube-proxy",
  kubelet: `/O=system:nodes/CN=system:node:${NODE}`,
  agent: "/O=system:masters/CN=cluster-agent",
};

const CURVE = [
  "-newkey",
  "ec",
  "-pkeyopt",
  "ec_paramgen_curve:prime256v1",
  "-nodes",
  "-sha256",
  "-days",
  "365",
];

/** The authority, all certificates, the keys of service account tokens and a kubeconfig per client. */
export async function makeCertificates(layout: Layout, command: Command, signal: AbortSignal): Promise<void> {
  const folder = layout.certificates;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const openssl = (args: readonly string[]): Promise<string> =>
    command("openssl", ["req", "-x509", ...CURVE, ...args], { cwd: folder, signal });
  await openssl([
    ...["-subj", "/CN=hanzo-fn-test-cluster", "-keyout", "ca.key", "-out", "ca.crt"],
    ...["-addext", "keyUsage=critical,keyCertSign,cRLSign"],
  ]);
  const clients = Object.entries(CLIENTS).map(([name, subject]) => ({ name, subject }));
  const kubelet = { name: "kubelet-client", subject: "/O=system:masters/CN=kube-apiserver" };
  const requests = [...clients, kubelet, apiServer(layout)];
  await Promise.all(requests.map((request) => openssl(signedArgs(request))));
  await writeTokenKeys(folder);
  await Promise.all([
    ...clients.map(({ name }) => writeFile(kubeconfigOf(layout, name), clientConfig(layout, name))),
    writeFile(layout.kubeconfig, clientConfig(layout, "admin"), { mode: 0o600 }),
  ]);
}

export const kubeconfigOf = (layout: Layout, client: string): string =>
  join(layout.certificates, `${client}.kubeconfig`);

function apiServer(layout: Layout): Request {
  const { node, gateway, apiService } = layout.addresses;
  const service = ["kubernetes", "kubernetes.default", "kubernetes.default.svc"];
  const hosts = ["localhost", ...service, "kubernetes.default.svc.cluster.local"];
  const names = [
    ...["127.0.0.1", node, gateway, apiService].map((ip) => `IP:${ip}`),
    ...hosts.map((host) => `DNS:${host}`),
  ];
  return { name: "kube-apiserver", subject: "/CN=kube-apiserver", names };
}

function signedArgs({ name, subject, names }: Request): string[] {
  const usage = names === undefined ? "clientAuth" : "serverAuth";
  return [
    ...[
      "-CA",
      "ca.crt",
      "-CAkey",
      "ca.key",
      "-subj",
      subject,
      "-keyout",
      `${name}.key`,
      "-out",
      `${name}.crt`,
    ],
    ...["-addext", "basicConstraints=critical,CA:FALSE", "-addext", "keyUsage=critical,digitalSignature"],
    ...["-addext", `extendedKeyUsage=${usage}`],
    ...(names === undefined ? [] : ["-addext", `subjectAltName=${names.join(",")}`]),
  ];
}

async function writeTokenKeys(folder: string): Promise<void> {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const publicPem = createPublicKey(privateKey).export({ type: "spki", format: "pem" });
  const mode = { mode: 0o600 };
  await writeFile(join(folder, "tokens.key"), privateKey.export({ type: "sec1", format: "pem" }), mode);
  await writeFile(join(folder, "tokens.pub"), publicPem);
}

function clientConfig(layout: Layout, name: string): string {
  const file = (extension: string): string => join(layout.certificates, `${name}.${extension}`);
  return kubeconfig(layout, { "client-certificate": file("crt"), "client-key": file("key") });
}

export const apiUrl = (layout: Layout): string => `https://${layout.addresses.node}:${API_PORT}`;

/** JSON, which is YAML too. */
export function kubeconfig(layout: Layout, user: Readonly<Record<string, string>>): string {
  const authority = join(layout.certificates, "ca.crt");
  const cluster = { server: apiUrl(layout), "certificate-authority": authority };
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: layout.name, cluster }],
    users: [{ name: layout.name, user }],
    contexts: [{ name: layout.name, context: { cluster: layout.name, user: layout.name } }],
    "current-context": layout.name,
  });
}
