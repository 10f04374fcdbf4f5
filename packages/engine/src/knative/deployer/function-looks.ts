import type { DesiredFunction } from "../../engine.ts";
import { type FunctionState, troubleOf } from "./function-state.ts";
import { isAnother } from "./gather.ts";
import type { LogTails } from "./log-tails.ts";
import { type LookDependencies, lookAt } from "./look.ts";
import { placeKey } from "./observe.ts";
import { asPlatformError } from "./publications.ts";
import { beginRemoval, goOnRemoving } from "./removal.ts";
import type { Statuses } from "./statuses.ts";
import { inWords } from "./steps.ts";

export interface FunctionLooksDependencies extends LookDependencies {
  readonly statuses: Statuses;
  readonly tails: LogTails;
  readonly addAfter: (key: string, ms: number) => void;
}

/** Deletions are told by watches; what has lost our label is not. */
const LEAVING_MS = 2000;

/** What is unwell is told with its last lines. */
async function readTails(
  { statuses, tails, view }: FunctionLooksDependencies,
  state: FunctionState,
  signal: AbortSignal,
): Promise<void> {
  const unwell = (state.wish?.revisions ?? []).filter((desired) => {
    const { state: now, failure } = statuses.of(state, desired);
    return now === "starting" || now === "failed" || failure !== undefined;
  });
  const { namespace } = state.place;
  await Promise.all(unwell.map(({ ref }) => tails.read(ref, view.pods(namespace, ref.name), signal)));
}

async function keep(
  deps: FunctionLooksDependencies,
  state: FunctionState,
  wish: DesiredFunction,
  signal: AbortSignal,
): Promise<void> {
  const { statuses, clock, addAfter } = deps;
  const remember = (error: unknown, revision?: string): void => {
    state.trouble = troubleOf(asPlatformError(error), revision, state.trouble, clock.now());
  };
  try {
    const refused = await lookAt(deps, state, wish, signal);
    if (refused === undefined) state.trouble = undefined;
    else remember(refused.error, refused.revision);
  } catch (error) {
    signal.throwIfAborted();
    remember(inWords(error, { function: wish.function, kind: "Service" }));
  }
  await readTails(deps, state, signal);
  // There is another wish by now, and another look to come.
  if (state.wish !== wish) return;
  const againMs = statuses.tell(state, wish);
  if (againMs !== undefined) addAfter(placeKey(state.place), againMs);
  if (state.trouble !== undefined) throw state.trouble.error;
}

/** Whether what the cluster has of it goes before anything else: nothing is wished for, or it is of an earlier function. */
function hasToLeave(
  { view }: FunctionLooksDependencies,
  state: FunctionState,
  wish: DesiredFunction,
): boolean {
  const live = view.live(state.place);
  if (wish.revisions.length > 0) return isAnother(wish, live);
  return live.service !== undefined || live.objects.length > 0 || state.sent.size > 0;
}

/** One look at one function, whatever the reason. Gives whether there is nothing more to know of it. */
export async function lookAtFunction(
  deps: FunctionLooksDependencies,
  state: FunctionState,
  isLeader: boolean,
  signal: AbortSignal,
): Promise<"over" | "goes on"> {
  const { clock, addAfter } = deps;
  const { wish } = state;
  if (wish !== undefined && hasToLeave(deps, state, wish)) void beginRemoval(state, clock);
  if (state.leaving !== undefined) {
    const isGone = await goOnRemoving(deps, state, isLeader, signal);
    if (isGone && state.wish === undefined) return "over";
    const isWished = state.wish !== undefined && state.wish.revisions.length > 0;
    if (!isGone || isWished) addAfter(placeKey(state.place), isGone ? 0 : LEAVING_MS);
    return "goes on";
  }
  if (wish !== undefined && wish.revisions.length > 0 && isLeader) await keep(deps, state, wish, signal);
  return "goes on";
}
