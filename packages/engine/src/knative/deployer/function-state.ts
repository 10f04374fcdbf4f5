import type { PlatformError, Secret } from "@hanzo-fn/contract";
import type { DesiredFunction, DesiredRevision, RevisionRef } from "../../engine.ts";
import type { SecretsDecision } from "./function-secrets.ts";
import type { Place } from "./observe.ts";

/** What one process knows of one function, besides what the cluster holds. */
export interface FunctionState {
  readonly place: Place;
  /** Undefined where only the cluster has something of it. */
  org: string | undefined;
  /** The last one that was applied; undefined once it was removed. */
  wish: DesiredFunction | undefined;
  /** All of it is to go before anything is made again. */
  leaving: { readonly gone: PromiseWithResolvers<void>; saidAt: number } | undefined;
  /** By revision name: seen in the cluster, or published. */
  readonly images: Map<string, string>;
  readonly tokens: Map<string, { readonly ref: RevisionRef; readonly token: Secret }>;
  /** Since when the Service has the template of a revision, and whether this process sent it. */
  readonly sent: Map<string, { readonly atMs: number; readonly byUs: boolean }>;
  readonly startMs: Map<string, number>;
  /** Names of Revisions that were there at the last look. */
  seen: ReadonlySet<string>;
  /** What kept the last look from being done: of one revision, or of all. */
  trouble: Trouble | undefined;
  readonly held: Map<string, Trouble>;
  rotation: SecretsDecision | undefined;
  /** What observers heard last, by revision name. */
  readonly told: Map<string, string>;
  outdated: string;
}

export interface Trouble {
  readonly error: PlatformError;
  readonly revision: string | undefined;
  readonly sinceMs: number;
}

export function newState(place: Place, org: string | undefined): FunctionState {
  const known = {
    images: new Map(),
    tokens: new Map(),
    sent: new Map(),
    startMs: new Map(),
    seen: new Set<string>(),
  };
  const said = { trouble: undefined, held: new Map(), told: new Map(), outdated: "" };
  return { place, org, wish: undefined, leaving: undefined, rotation: undefined, ...known, ...said };
}

/** The same trouble goes on: its deadline is counted from when it began. */
export function troubleOf(
  error: PlatformError,
  revision: string | undefined,
  before: Trouble | undefined,
  nowMs: number,
): Trouble {
  const goesOn = before?.error.code === error.code && before.revision === revision;
  return { error, revision, sinceMs: goesOn ? before.sinceMs : nowMs };
}

export function troubleWith(state: FunctionState, { ref }: DesiredRevision): Trouble | undefined {
  const { trouble } = state;
  const concerned = trouble?.revision === undefined || trouble.revision === ref.name ? trouble : undefined;
  return state.held.get(ref.name) ?? concerned;
}

/** Takes another wish in, and forgets what is kept of revisions that left it; gives them to be forgotten elsewhere, too. */
export function takeWish(state: FunctionState, wish: DesiredFunction | undefined): RevisionRef[] {
  const before = state.wish?.revisions ?? [];
  const wished = new Set((wish?.revisions ?? []).map(({ ref }) => ref.name));
  const isNew = [...wished].some((name) => !before.some(({ ref }) => ref.name === name));
  // What is new has all of its deadline before it.
  if (isNew) state.trouble = undefined;
  state.wish = wish;
  state.org = wish?.org ?? state.org;
  const { images, sent, startMs, held, told } = state;
  for (const map of [images, sent, startMs, held, told]) {
    for (const name of map.keys()) if (!wished.has(name)) map.delete(name);
  }
  return before.map(({ ref }) => ref).filter(({ name }) => !wished.has(name));
}
