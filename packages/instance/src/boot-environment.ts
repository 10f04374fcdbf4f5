import type { SpecialiseBody } from "./instance.ts";

/**
 * What `specialise` says, as the variables of a specialised boot (runtimes/contract.md, section 1). The user's own
 * variables are there from the start, so that initialisers of the code see them; they cannot hide ours.
 */
export function bootEnvironment(body: SpecialiseBody): Readonly<Record<string, string>> {
  return {
    ...body.environment,
    HANZO_FN_ORG: body.org,
    HANZO_FN_FUNCTION: body.function,
    HANZO_FN_REVISION: body.revision,
    HANZO_FN_INSTANCE: body.instance,
    HANZO_FN_SOURCE: body.source,
    HANZO_FN_ENTRY: body.entry,
    HANZO_FN_CONCURRENCY: String(body.concurrency),
    HANZO_FN_TIMEOUT_MS: String(body.timeoutMs),
    ...(body.gateway === undefined
      ? {}
      : { HANZO_FN_GATEWAY: body.gateway.url, HANZO_FN_GATEWAY_TOKEN: body.gateway.token }),
    ...(body.paths.length === 0 ? {} : { HANZO_FN_PATHS: body.paths.join(":") }),
  };
}
