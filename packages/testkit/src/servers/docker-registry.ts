import { writeFile } from "node:fs/promises";
import path from "node:path";
import { freePort } from "../free-port.ts";
import { tempDir } from "../temp-dir.ts";
import type { Certificate } from "./certificate.ts";
import { programOf } from "./found.ts";
import { startProcess, type ServerProcess } from "./process.ts";

export interface DockerRegistry extends ServerProcess {
  /** With its port. */
  readonly host: string;
  /** Where its blobs lie: `docker/registry/v2/blobs/sha256/<two>/<hex>/data`. */
  readonly directory: string;
}

export interface DockerRegistryOptions {
  /** Nobody is let in but `REGISTRY_LOGIN`. */
  readonly basic?: boolean | undefined;
  /** Tokens of this service are taken, which the certificate has to have signed. */
  readonly token?:
    | {
        readonly realm: string;
        readonly service: string;
        readonly issuer: string;
        readonly certificate: Certificate;
      }
    | undefined;
}

export const REGISTRY_LOGIN = { username: "tester", password: "test-password" };
/** bcrypt of that password. */
const HTPASSWD = "tester:$2y$05$Cd8nfvsryZU9tzNO64zdqOsZ4YAN3G0baWsTtACFpY1rqWSlMvnrC\n";

/** `await using registry = await startDockerRegistry()`: an empty docker-registry on the disk, which deletes. */
export async function startDockerRegistry(options: DockerRegistryOptions = {}): Promise<DockerRegistry> {
  const program = programOf("docker-registry");
  const dir = await tempDir("hanzo-fn-registry-");
  const port = await freePort();
  const directory = path.join(dir.path, "data");
  const htpasswd = path.join(dir.path, "htpasswd");
  const config = path.join(dir.path, "config.json");
  await writeFile(htpasswd, HTPASSWD);
  // Its settings are YAML, and JSON is YAML.
  await writeFile(
    config,
    JSON.stringify({
      version: "0.1",
      log: { level: "warn", accesslog: { disabled: true } },
      storage: { filesystem: { rootdirectory: directory }, delete: { enabled: true } },
      http: { addr: `127.0.0.1:${port}`, secret: "of the test" },
      ...authOf(options, htpasswd),
    }),
  );
  const server = await startProcess({
    name: "docker-registry",
    program,
    args: ["serve", config],
    port,
    cleanup: () => dir[Symbol.asyncDispose](),
  });
  return { ...server, host: `127.0.0.1:${port}`, directory };
}

function authOf({ basic, token }: DockerRegistryOptions, htpasswd: string): object {
  if (basic) return { auth: { htpasswd: { realm: "test", path: htpasswd } } };
  if (token === undefined) return {};
  const { realm, service, issuer, certificate } = token;
  return { auth: { token: { realm, service, issuer, rootcertbundle: certificate.certFile } } };
}
