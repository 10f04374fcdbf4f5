import type { Kubernetes } from "@hanzo-fn/kubernetes";
import type { Clock } from "@hanzo-fn/lifecycle";
import type { FunctionState } from "./function-state.ts";
import type { GatewayTokens } from "./gateway-tokens.ts";
import { tearDown } from "./teardown.ts";

export interface RemovalDependencies {
  readonly kubernetes: Pick<Kubernetes, "list" | "delete">;
  readonly gatewayTokens: GatewayTokens | undefined;
  readonly clock: Clock;
  readonly log: { info(msg: string, fields?: object): void };
}

/** Pods have up to their function's timeout to end their calls: a line every so often says what is waited for. */
const SAY_EVERY_MS = 10_000;

/** Nothing of the function is made or kept until it is gone. */
export function beginRemoval(state: FunctionState, clock: Clock): Promise<void> {
  state.leaving ??= { gone: Promise.withResolvers<void>(), saidAt: clock.monotonic() };
  return state.leaving.gone.promise;
}

/** One look at a function that is leaving; true once nothing is left of it, whatever the watches have heard so far. */
export async function goOnRemoving(
  { kubernetes, gatewayTokens, clock, log }: RemovalDependencies,
  state: FunctionState,
  mayDelete: boolean,
  signal: AbortSignal,
): Promise<boolean> {
  const { place, leaving } = state;
  const left = await tearDown(kubernetes, place, { mayDelete }, signal);
  if (left.length > 0) {
    if (leaving !== undefined && clock.monotonic() - leaving.saidAt >= SAY_EVERY_MS) {
      leaving.saidAt = clock.monotonic();
      const fields = { org_id: state.org, function: place.function, namespace: place.namespace };
      log.info("a function that is removed is not gone yet", { ...fields, left: left.slice(0, 10) });
    }
    return false;
  }
  for (const { ref } of state.tokens.values()) gatewayTokens?.revoke(ref);
  for (const map of [state.tokens, state.images, state.sent, state.startMs, state.held, state.told])
    map.clear();
  state.seen = new Set();
  state.trouble = undefined;
  state.rotation = undefined;
  state.leaving = undefined;
  leaving?.gone.resolve();
  return true;
}
