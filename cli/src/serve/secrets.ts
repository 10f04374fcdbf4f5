import { type Config, PlatformError, type Secret } from "@hanzo-fn/contract";
import {
  createFileSecrets,
  createKmsSecrets,
  type SecretAdmin,
  type SecretSource,
} from "@hanzo-fn/control-plane";
import type { ResolveSecrets } from "@hanzo-fn/engine";
import type { Clock } from "@hanzo-fn/lifecycle";
import type { DataDir } from "./data-dir.ts";

export interface Secrets {
  readonly has: (org: string, name: string, functionName: string) => Promise<boolean>;
  readonly resolve: ResolveSecrets;
  /** Undefined where the KMS keeps them. */
  readonly admin: SecretAdmin | undefined;
}

function requireKms(secrets: Config["secrets"], clock: Clock): SecretSource {
  const { url, clientId, clientSecret, env, project } = secrets;
  if (url === undefined || clientId === undefined || clientSecret === undefined) {
    throw new PlatformError(
      "bad_request",
      "the KMS needs secrets.url, secrets.client_id and secrets.client_secret",
      {
        component: "secrets",
        next: "set KMS_URL, KMS_CLIENT_ID and KMS_CLIENT_SECRET, or secrets.provider: file",
      },
    );
  }
  return createKmsSecrets(
    { fetch, clock },
    { provider: "infisical", url, clientId, clientSecret, environment: env, project },
  );
}

/** The secrets of functions: an encrypted file of the platform's, or the KMS where one is configured. */
export function openSecrets({ secrets }: Config, dir: DataDir, clock: Clock): Secrets {
  const useFile = secrets.provider === "file" || (secrets.provider === "auto" && secrets.url === undefined);
  const file = useFile ? createFileSecrets({ clock }, { file: dir.secretsFile }) : undefined;
  const source = file ?? requireKms(secrets, clock);
  return {
    admin: file,
    has: async (org, name, functionName) =>
      (await source.get(org, name, { function: functionName })) !== undefined,
    async resolve(owner, names, signal) {
      const values = new Map<string, Secret>();
      for (const name of names) {
        const found = await source.get(owner.org, name, { function: owner.function, signal });
        if (found === undefined) {
          throw new PlatformError("missing_secret", `the secret ${name} does not exist`, {
            component: "secrets",
            function: owner.function,
            next: `hanzo-fn secrets set ${name}`,
          });
        }
        values.set(name, found.value);
      }
      return values;
    },
  };
}
