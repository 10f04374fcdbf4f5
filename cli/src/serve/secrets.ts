import { type Config, PlatformError } from "@hanzo-fn/contract";
import type { SecretAdmin } from "@hanzo-fn/control-plane";
import type { ResolveSecrets } from "@hanzo-fn/engine";
import type { Clock } from "@hanzo-fn/lifecycle";
import type { Logger } from "@hanzo-fn/telemetry";
import type { DataDir } from "./data-dir.ts";

export interface Secrets {
  readonly has: (org: string, name: string, functionName: string) => Promise<boolean>;
  readonly resolve: ResolveSecrets;
  readonly admin: SecretAdmin | undefined;
}

export async function openSecrets(
  _c: Config,
  _d: DataDir,
  _p: { clock: Clock; log: Logger },
): Promise<Secrets> {
  return {
    has: async () => false,
    resolve: async (_o, names) => {
      if (names.length > 0) throw new PlatformError("missing_secret", String(names[0]));
      return new Map();
    },
    admin: undefined,
  };
}
