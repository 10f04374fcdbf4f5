import { randomBytes } from "node:crypto";
import type { Clock } from "@hanzo-fn/lifecycle";
import type { Store } from "@hanzo-fn/store";

/** 32 bytes of the platform's own: the same at every start and in every process, so that what was signed outlives its signer. */
export async function keptSecret(store: Store, name: string, clock: Clock): Promise<Buffer> {
  const fresh = { secret: randomBytes(32).toString("base64") };
  const kept = await store.settings.setIfAbsent("", name, fresh, new Date(clock.now()));
  return Buffer.from(kept["secret"] as string, "base64");
}
