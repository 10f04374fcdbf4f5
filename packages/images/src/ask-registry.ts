import { type Config, PlatformError } from "@hanzo-fn/contract";
import type { RegistryFact } from "@hanzo-fn/engine/knative";
import { type Clock, withDeadline } from "@hanzo-fn/lifecycle";
import { createRegistry, dockerConfigCredentials, httpTransport, isPlainHost } from "@hanzo-fn/oci";
import type { Logger } from "@hanzo-fn/telemetry";
import { readImageSettings } from "./settings.ts";

export interface AskRegistryParts {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly clock: Clock;
  readonly log: Pick<Logger, "warn">;
  /** For all of it, in ms. */
  readonly limitMs: number;
}

/** Who asks wants to know how it is now, not whether it is well at the fifth try. */
const POLICY = {
  attempts: 2,
  silentAttempts: 1,
  backoff: { initialMs: 200, factor: 1, maxMs: 200 },
  longestPauseMs: 1000,
};

/**
 * Whether the configured registry answers `GET /v2/` and takes our credentials. Throws `bad_request` where the
 * configuration itself cannot be carried out.
 */
export async function askRegistry(
  config: Config,
  parts: AskRegistryParts,
  signal: AbortSignal,
): Promise<RegistryFact> {
  const { clock, log, limitMs } = parts;
  const { host, url, ca, dockerConfig } = await readImageSettings(config, parts);
  const plain = isPlainHost(host) ? `http://${host}/` : undefined;
  const asked = { url: url?.href ?? plain };
  const registry = createRegistry(
    {
      host,
      credentials: dockerConfigCredentials(dockerConfig),
      transport: httpTransport({ ca }),
      clock,
      log,
    },
    { url, policy: POLICY },
  );
  try {
    await withDeadline(clock, limitMs, signal, (until) => registry.ping(until));
    return { ...asked, reachable: true, mayPush: true };
  } catch (error) {
    signal.throwIfAborted();
    const reachable = error instanceof PlatformError && error.code === "registry_refused";
    return { ...asked, reachable, mayPush: false, message: (error as Error).message };
  }
}
