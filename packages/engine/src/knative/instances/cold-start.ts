import type { ColdStart } from "../../engine.ts";

/** `boot=12.3, load=40.1`: what the first answer of a process says (runtimes/contract.md, section 3). */
function said(text: string): { readonly boot: number; readonly load: number } | undefined {
  const found = /^boot=(\d+(?:\.\d+)?), *load=(\d+(?:\.\d+)?)$/.exec(text);
  return found === null ? undefined : { boot: Number(found[1]), load: Number(found[2]) };
}

/** No instance starts faster. What waited for less found one whose endpoint was not known yet. */
const LEAST_START_MS = 50;

export interface BehindActivator {
  /** From the acquire to the head of the answer. */
  readonly elapsedMs: number;
  /** No instance was ready when the call came. */
  readonly atZero: boolean;
  /** `X-Function-Cold-Start` and `X-Function-Duration-Ms` of the answer. */
  readonly coldStart: string | undefined;
  readonly durationMs: string | undefined;
}

/**
 * The cold start of a call that went to the activator, from its answer; undefined where it waited for no start. What is
 * neither the handler's time nor boot nor load is `queue`: the autoscaler, the scheduler and the node. Only the first answer of a
 * process has the other phases; those who waited with it have `queue` alone.
 */
export function coldStartOf(call: BehindActivator): ColdStart | undefined {
  const handlerMs = Number(call.durationMs ?? 0);
  const totalMs = Math.max(0, call.elapsedMs - (Number.isFinite(handlerMs) ? handlerMs : 0));
  const phases = call.coldStart === undefined ? undefined : said(call.coldStart);
  if (phases === undefined) {
    return call.atZero && totalMs >= LEAST_START_MS ? { totalMs, phasesMs: { queue: totalMs } } : undefined;
  }
  const load = Math.min(phases.load, totalMs);
  const boot = Math.min(phases.boot, totalMs - load);
  return { totalMs, phasesMs: { queue: totalMs - load - boot, boot, load } };
}
