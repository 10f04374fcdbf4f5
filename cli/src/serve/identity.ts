import { chmod, readFile, rename, writeFile } from "node:fs/promises";
import {
  createAuthenticator,
  createDevIssuer,
  createPlatformIssuer,
  generateApiKey,
  hashApiKey,
  expandPermission,
  type KeyStorage,
  type RoleGrants,
} from "@hanzo-fn/auth";
import type { Authenticator, Config } from "@hanzo-fn/contract";
import type { Clock } from "@hanzo-fn/lifecycle";
import type { JsonObject, Store } from "@hanzo-fn/store";
import type { Logger } from "@hanzo-fn/telemetry";

interface Parts {
  readonly config: Config;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
}

function keyStorage({ store, clock }: Parts, key: string): KeyStorage {
  return {
    loadKey: () => store.settings.get("", key),
    saveKey: async (value) => {
      const now = new Date(clock.now());
      return store.settings.setIfAbsent("", key, value as JsonObject, now);
    },
  };
}

/** The key in the file, where the store still knows it; else a new one, in the file and in the store. */
async function adminKey({ config, store, clock }: Parts, file: string): Promise<string> {
  const kept = (await readFile(file, "utf8").catch(() => "")).trim();
  if (kept !== "" && (await store.apiKeys.findByHash(hashApiKey(kept))) !== undefined) return kept;
  const { id, key, hash } = generateApiKey(clock.now());
  const row = { org: config.auth.org, id, hash, name: "admin", permissions: ["functions:*"] };
  await store.apiKeys.insert(row, new Date(clock.now()));
  const temporary = `${file}.new`;
  await writeFile(temporary, `${key}\n`, { mode: 0o600 });
  await chmod(temporary, 0o600);
  await rename(temporary, file);
  return key;
}

function grantsOf(roles: NonNullable<Config["auth"]["roles"]>): RoleGrants {
  return Object.fromEntries(
    Object.entries(roles).map(([role, grants]) => [role, grants.flatMap((grant) => expandPermission(grant))]),
  );
}

/** Who may call. The embedded default is its own issuer and has an admin key, kept in `adminKeyFile`. */
export async function openIdentity(
  parts: Parts,
  adminKeyFile: string,
): Promise<{ authenticator: Authenticator; adminKey: string | undefined }> {
  const { config, store, clock, log } = parts;
  const { auth } = config;
  const builtin = auth.builtinIssuer ?? auth.issuers.length === 0;
  const dev = builtin ? await createDevIssuer({ ...keyStorage(parts, "dev-issuer"), clock }) : undefined;
  const platform = await createPlatformIssuer({ ...keyStorage(parts, "platform-issuer"), clock });
  const { url, clientId, clientSecret } = auth.introspection ?? {};
  const authenticator = createAuthenticator(
    {
      clock,
      log,
      fetch,
      findApiKey: async (hash) => {
        const row = await store.apiKeys.findByHash(hash);
        return row && { id: row.id, org: row.org, permissions: row.permissions };
      },
    },
    {
      issuers: auth.issuers.map((issuer) => ({ issuer, endpoint: auth.url, jwksUrl: auth.jwksUrl })),
      localIssuers: dev === undefined ? [] : [dev.rules],
      platform: platform.rules,
      audience: auth.audience.length === 0 ? undefined : auth.audience,
      ownerFallback: auth.ownerFallback,
      roles: auth.roles && grantsOf(auth.roles),
      introspection: url === undefined ? undefined : { url, clientId, clientSecret: clientSecret?.reveal() },
    },
  );
  return { authenticator, adminKey: builtin ? await adminKey(parts, adminKeyFile) : undefined };
}
