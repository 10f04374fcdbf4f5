import type { Publishers } from "@hanzo-fn/brokers";
import type { Gateway } from "@hanzo-fn/engine";
import type { Clock } from "@hanzo-fn/lifecycle";
import type { Logger, Registry } from "@hanzo-fn/telemetry";
import { createDispatch } from "./dispatch.ts";
import type { Kv } from "./kv/kv.ts";
import { kvRoutes } from "./kv/route.ts";
import type { Models } from "./models/models.ts";
import { modelRoutes } from "./models/routes.ts";
import { createGatewayMetrics } from "./metrics.ts";
import { publishRoutes } from "./publish/route.ts";
import { createGatewayServer, type GatewayServer, type GatewayServerOptions } from "./server.ts";
import { createRevisionTokens, type RevisionTokensParts } from "./revision-tokens.ts";
import { storageRoutes } from "./storage/routes.ts";
import type { Storage } from "./storage/storage.ts";
import { createTokens } from "./tokens.ts";

export interface GatewayParts {
  readonly kv: Kv;
  readonly storage: Storage;
  readonly publishers: Publishers;
  readonly models: Models;
  /** Where instances run in a cluster, which starts them: tokens for whole revisions. */
  readonly revisions?: Pick<RevisionTokensParts, "key" | "exists" | "isForeign"> | undefined;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The gateway of `ctx.kv`, `ctx.storage`, `ctx.publish` and `ctx.model` (protocol.md). Serves after `start`. */
export interface GatewayPlane extends Gateway, GatewayServer {}

export function createGateway(parts: GatewayParts, options: GatewayServerOptions): GatewayPlane {
  const { kv, storage, publishers, models, revisions, registry, clock, log } = parts;
  const tokens = createTokens();
  const revisionTokens = revisions && createRevisionTokens({ ...revisions, clock });
  const dispatch = createDispatch({
    routes: [
      ...kvRoutes(kv),
      ...storageRoutes(storage),
      ...publishRoutes(publishers, clock),
      ...modelRoutes(models),
    ],
    tokens,
    revisionTokens,
    metrics: createGatewayMetrics(registry),
    clock,
    log,
  });
  const server = createGatewayServer(dispatch, options);
  return {
    ...server,
    grant(identity) {
      const { token, revoke } = tokens.issue(identity);
      return { url: server.url, token, [Symbol.dispose]: revoke };
    },
    ...(revisionTokens === undefined ? {} : { revisionToken: revisionTokens.tokenFor }),
    async stop(graceMs) {
      models.close();
      await server.stop(graceMs);
      await kv.close();
    },
  };
}
