import { Secret } from "@hanzo-fn/contract";
import type { Credentials } from "@hanzo-fn/oci";

function entryOf(credentials: Credentials): object {
  if (credentials.kind === "identity") return { identitytoken: credentials.token };
  if (credentials.kind === "bearer") return { registrytoken: credentials.token };
  const { username, password } = credentials;
  return { auth: Buffer.from(`${username}:${password}`).toString("base64") };
}

/** Docker's `config.json` with the credentials of one registry, as the kubelet reads it. */
export function pullCredentials(host: string, credentials: Credentials | undefined): Secret | undefined {
  if (credentials === undefined) return undefined;
  return new Secret(JSON.stringify({ auths: { [host]: entryOf(credentials) } }));
}
