import type { Secret } from "@hanzo-fn/contract";
import type { DesiredRevision, RevisionRef } from "../../engine.ts";

/** Who lets the instances of a revision use the platform's gateway, wherever they run. */
export interface GatewayTokens {
  /** Good until it is revoked. `kept` is what the revision's Secret holds already: it stays good, also after a restart. */
  issue(revision: Pick<DesiredRevision, "ref" | "createdAtMs">, kept: Secret | undefined): Secret;
  /** The revision is gone: its token opens nothing any more. */
  revoke(revision: RevisionRef): void;
}
