import { execFile } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { readdirSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import https from "node:https";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { TestContext } from "vitest";
import { freePort } from "../free-port.ts";
import { tempDir } from "../temp-dir.ts";
import { isProgram } from "./found.ts";
import { type ServerProcess, startProcess } from "./process.ts";

/** etcd and kube-apiserver, without anything that acts on objects: no controllers, no nodes. */
export interface KubernetesApi extends AsyncDisposable {
  /** `https://127.0.0.1:…` */
  readonly url: string;
  /** PEM. */
  readonly ca: string;
  /** Of a member of system:masters. */
  readonly adminToken: string;
  /** Of "nobody", who may nothing. */
  readonly nobodyToken: string;
  /** A kubeconfig with a client certificate of system:masters. */
  readonly kubeconfig: string;
  /** The API server alone: stops, starts on the same port, or gets a signal. */
  readonly server: ServerProcess;
}

/** Where `npm run cluster -- up` keeps what it built. */
const BUILT = fileURLToPath(new URL("../../../../.cache/cluster/", import.meta.url));

function findKubernetes(): string | undefined {
  const named = process.env["TEST_KUBERNETES"];
  const builds = path.join(BUILT, "builds");
  const candidates = named === undefined ? folders(builds) : [named];
  return candidates.find((folder) =>
    ["etcd", "kube-apiserver"].every((name) => isProgram(path.join(folder, name))),
  );
}

function folders(parent: string): string[] {
  try {
    return readdirSync(parent).map((name) => path.join(parent, name));
  } catch {
    return [];
  }
}

/** Counts the test as skipped where there is no API server. */
export function needsKubernetesApi(ctx: TestContext): void {
  if (findKubernetes() === undefined) {
    ctx.skip("Kubernetes is not built (npm run cluster -- up), and TEST_KUBERNETES names no folder with it");
  }
}

/** `await using api = await startKubernetesApi()`: about four seconds. */
export async function startKubernetesApi(): Promise<KubernetesApi> {
  const programs = findKubernetes();
  if (programs === undefined) throw new Error("Kubernetes is not built (npm run cluster -- up)");
  const dir = await tempDir("hanzo-fn-kubernetes-");
  const port = await freePort();
  const etcd = await startEtcd(path.join(programs, "etcd"), path.join(dir.path, "etcd"));
  const cleanup = async (): Promise<void> => {
    await etcd[Symbol.asyncDispose]();
    await dir[Symbol.asyncDispose]();
  };
  const url = `https://127.0.0.1:${port}`;
  const adminToken = "token-of-the-administrator";
  const nobodyToken = "token-of-nobody";
  await writeFile(
    path.join(dir.path, "tokens.csv"),
    `${adminToken},admin,1,"system:masters"\n${nobodyToken},nobody,2\n`,
  );
  await makeKeys(dir.path);
  const ca = await readFile(path.join(dir.path, "ca.crt"), "utf8");
  const server = await startProcess({
    name: "kube-apiserver",
    program: path.join(programs, "kube-apiserver"),
    args: serverArgs(dir.path, port, etcd.url),
    port,
    ready: () => isReady(url, ca, adminToken),
    cleanup,
  });
  const kubeconfig = path.join(dir.path, "kubeconfig");
  await writeFile(kubeconfig, kubeconfigText(url));
  return {
    url,
    ca,
    adminToken,
    nobodyToken,
    kubeconfig,
    server,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

async function startEtcd(
  program: string,
  dataDir: string,
): Promise<ServerProcess & { readonly url: string }> {
  const [port, peerPort] = [await freePort(), await freePort()];
  const [url, peer] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${peerPort}`];
  const args = [
    ...["--name=n1", `--data-dir=${dataDir}`, "--unsafe-no-fsync", "--log-level=error"],
    ...[`--listen-client-urls=${url}`, `--advertise-client-urls=${url}`],
    ...[
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=n1=${peer}`,
    ],
  ];
  const server = await startProcess({ name: "etcd", program, args, port, cleanup: () => Promise.resolve() });
  return { ...server, url };
}

function serverArgs(folder: string, port: number, etcd: string): string[] {
  const file = (name: string): string => path.join(folder, name);
  return [
    ...[
      `--etcd-servers=${etcd}`,
      "--service-cluster-ip-range=198.19.0.0/20",
      "--endpoint-reconciler-type=none",
    ],
    ...["--bind-address=127.0.0.1", "--advertise-address=198.18.0.1", `--secure-port=${port}`],
    ...[
      `--cert-dir=${file("cert")}`,
      `--client-ca-file=${file("ca.crt")}`,
      `--token-auth-file=${file("tokens.csv")}`,
    ],
    ...[`--tls-cert-file=${file("server.crt")}`, `--tls-private-key-file=${file("server.key")}`],
    ...["--authorization-mode=RBAC", "--disable-admission-plugins=ServiceAccount", "--profiling=false"],
    "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
    ...[
      `--service-account-key-file=${file("sa.pub")}`,
      `--service-account-signing-key-file=${file("sa.key")}`,
    ],
  ];
}

/** An authority, the server's certificate, an administrator's, and the key pair of service accounts. */
async function makeKeys(folder: string): Promise<void> {
  await mkdir(path.join(folder, "cert"));
  const openssl = async (name: string, args: readonly string[]): Promise<void> => {
    const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"];
    const out = ["-keyout", `${name}.key`, "-out", `${name}.crt`];
    await promisify(execFile)("openssl", ["req", "-x509", ...key, ...out, ...args], { cwd: folder });
  };
  await openssl("ca", ["-subj", "/CN=test", "-addext", "keyUsage=critical,keyCertSign,cRLSign"]);
  const signed = ["-CA", "ca.crt", "-CAkey", "ca.key", "-addext", "basicConstraints=critical,CA:FALSE"];
  await Promise.all([
    openssl("server", [
      ...signed,
      "-subj",
      "/CN=kube-apiserver",
      "-addext",
      "subjectAltName=IP:127.0.0.1,DNS:localhost",
    ]),
    openssl("admin", [
      ...signed,
      "-subj",
      "/O=system:masters/CN=admin",
      "-addext",
      "extendedKeyUsage=clientAuth",
    ]),
  ]);
  const { publicKey, privateKey } = generateKeyPairSync("ec", {
    namedCurve: "prime256v1",
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  await Promise.all([
    writeFile(path.join(folder, "sa.pub"), publicKey),
    writeFile(path.join(folder, "sa.key"), privateKey),
  ]);
}

/** Relative paths: they start at the file. */
function kubeconfigText(server: string): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "test", cluster: { server, "certificate-authority": "ca.crt" } }],
    users: [{ name: "admin", user: { "client-certificate": "admin.crt", "client-key": "admin.key" } }],
    contexts: [{ name: "test", context: { cluster: "test", user: "admin", namespace: "default" } }],
    "current-context": "test",
  });
}

function isReady(url: string, ca: string, token: string): Promise<boolean> {
  return new Promise((resolve) => {
    const options = {
      ca,
      headers: { authorization: `Bearer ${token}` },
      timeout: 2000,
      agent: false,
    } as const;
    const request = https.get(`${url}/readyz`, options, (answer) => {
      answer.resume().once("end", () => resolve(answer.statusCode === 200));
    });
    request.once("timeout", () => request.destroy()).once("error", () => resolve(false));
  });
}
