import { abortable, type Clock } from "@hanzo-fn/lifecycle";
import type { CallResult } from "./classify.ts";
import type { Invoke } from "./invoke.ts";
import type { Unit } from "./lanes.ts";

/** The calls that are under way. */
export interface Calls {
  /** Never rejects. */
  call(unit: Unit): Promise<CallResult>;
  /** Ends calls as cut; all of them, or those of a kind. */
  cut(isMeant?: (unit: Unit) => boolean): void;
  /** Ends the calls whose deadline is over, as broken: nobody knows what became of them. */
  cutOverdue(): void;
  readonly running: number;
}

interface Running {
  readonly abort: AbortController;
  readonly overdueAtMs: number;
  end: CallResult | undefined;
}

export function createCalls(
  deps: { readonly invoke: Invoke; readonly clock: Clock },
  deadlineMs: number,
): Calls {
  const { invoke, clock } = deps;
  const running = new Map<Unit, Running>();
  const end = (run: Running, result: CallResult): void => {
    run.end ??= result;
    run.abort.abort(new Error(result.kind === "broken" ? result.error : "the call was cut"));
  };
  return {
    async call(unit) {
      const run: Running = {
        abort: new AbortController(),
        overdueAtMs: clock.monotonic() + deadlineMs,
        end: undefined,
      };
      running.set(unit, run);
      try {
        const { signal } = run.abort;
        const result = await abortable(invoke(unit.events, signal), signal);
        // An answer that came while it was cut says less than why it was cut, unless it is whole.
        return result.kind === "answered" ? result : (run.end ?? result);
      } catch (error) {
        return run.end ?? { kind: "broken", error: error instanceof Error ? error.message : String(error) };
      } finally {
        running.delete(unit);
      }
    },
    cut(isMeant = () => true) {
      for (const [unit, run] of running) if (isMeant(unit)) end(run, { kind: "cut" });
    },
    cutOverdue() {
      const now = clock.monotonic();
      for (const run of running.values()) {
        if (run.overdueAtMs > now) continue;
        end(run, { kind: "broken", error: `no answer within ${deadlineMs / 1000} s` });
      }
    },
    get running() {
      return running.size;
    },
  };
}
