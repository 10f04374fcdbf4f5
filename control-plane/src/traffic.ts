import { PlatformError, revisionName, type ErrorCode } from "@hanzo-fn/contract";

/** A revision as far as traffic goes. */
export interface TrafficRevision {
  readonly number: number;
  readonly state: "pending" | "building" | "starting" | "ready" | "failed";
  readonly percent: number;
  /** Milliseconds since the epoch; undefined where it never had traffic. */
  readonly lastTrafficAtMs: number | undefined;
  readonly failure?: { readonly code: ErrorCode; readonly message: string } | undefined;
}

export type TrafficWish =
  | { readonly kind: "split"; readonly shares: ReadonlyMap<number, number> }
  | { readonly kind: "share"; readonly number: number; readonly percent: number }
  | { readonly kind: "latest" }
  | { readonly kind: "rollback" };

export interface TrafficPlan {
  readonly mode: "latest" | "split";
  /** Percent by revision number; sums to 100, or empty where nothing is ready. */
  readonly shares: ReadonlyMap<number, number>;
}

/** Shares scaled to `total` in whole percents by the largest remainder; the order of the input breaks ties. */
export function scaleShares(
  shares: readonly (readonly [number, number])[],
  total: number,
): Map<number, number> {
  const sum = shares.reduce((all, [, percent]) => all + percent, 0);
  const exact = shares.map(([number, percent]) => ({ number, value: (percent * total) / sum }));
  const result = new Map(exact.map(({ number, value }) => [number, Math.floor(value)]));
  let left = total - [...result.values()].reduce((all, percent) => all + percent, 0);
  const byRemainder = exact.toSorted((a, b) => (b.value % 1) - (a.value % 1));
  for (const { number } of byRemainder) {
    if (left-- <= 0) break;
    result.set(number, (result.get(number) ?? 0) + 1);
  }
  return result;
}

function mostRecentHolder(revisions: readonly TrafficRevision[]): TrafficRevision | undefined {
  return revisions
    .filter((revision) => revision.state === "ready" && revision.lastTrafficAtMs !== undefined)
    .toSorted(
      (a, b) =>
        b.percent - a.percent || (b.lastTrafficAtMs ?? 0) - (a.lastTrafficAtMs ?? 0) || b.number - a.number,
    )[0];
}

function requireReady(functionName: string, revisions: readonly TrafficRevision[], number: number): void {
  const revision = revisions.find((candidate) => candidate.number === number);
  if (revision === undefined) {
    throw new PlatformError("not_found", `revision ${revisionName(functionName, number)} does not exist`, {
      function: functionName,
      next: `hanzo-fn revisions ${functionName}`,
    });
  }
  if (revision.state === "ready") return;
  const why = revision.failure === undefined ? "" : `: ${revision.failure.message}`;
  throw new PlatformError(
    "not_ready",
    `revision ${revisionName(functionName, number)} is ${revision.state}${why}`,
    {
      function: functionName,
      revision: revisionName(functionName, number),
      next: `hanzo-fn describe ${functionName}`,
    },
  );
}

function planShare(
  functionName: string,
  revisions: readonly TrafficRevision[],
  number: number,
  percent: number,
): TrafficPlan {
  if (percent > 0) requireReady(functionName, revisions, number);
  else if (!revisions.some((revision) => revision.number === number))
    requireReady(functionName, revisions, number);
  if (percent === 100) return { mode: "split", shares: new Map([[number, 100]]) };
  const others = revisions.filter((revision) => revision.number !== number);
  const holders = others.filter((revision) => revision.percent > 0);
  const remainder = 100 - percent;
  let shares: Map<number, number>;
  if (holders.length > 0) {
    shares = scaleShares(
      holders.map((revision) => [revision.number, revision.percent] as const),
      remainder,
    );
  } else {
    const heir = mostRecentHolder(others);
    if (heir === undefined) {
      throw new PlatformError(
        "no_other_revision",
        `no other revision of ${functionName} can take the remaining ${remainder} %`,
        {
          function: functionName,
          next: `hanzo-fn traffic ${functionName} --revision ${number} --percent 100`,
        },
      );
    }
    shares = new Map([[heir.number, remainder]]);
  }
  if (percent > 0) shares.set(number, percent);
  return { mode: "split", shares };
}

function planRollback(functionName: string, revisions: readonly TrafficRevision[]): TrafficPlan {
  const routed = revisions.filter((revision) => revision.percent > 0);
  const current = Math.max(0, ...routed.map((revision) => revision.number));
  const target = mostRecentHolder(revisions.filter((revision) => revision.number < current));
  if (target === undefined) {
    throw new PlatformError(
      "no_other_revision",
      `${functionName} has no earlier revision that held traffic`,
      {
        function: functionName,
        next: `hanzo-fn revisions ${functionName}`,
      },
    );
  }
  return { mode: "split", shares: new Map([[target.number, 100]]) };
}

/** All traffic on the newest ready revision; as it is where none is ready. */
export function planLatest(revisions: readonly TrafficRevision[]): TrafficPlan {
  const ready = revisions.filter((revision) => revision.state === "ready").map((revision) => revision.number);
  return { mode: "latest", shares: ready.length === 0 ? new Map() : new Map([[Math.max(...ready), 100]]) };
}

/** What a wish makes of the traffic. Throws `not_found`, `not_ready`, `no_other_revision` or `bad_request`. */
export function planTraffic(
  functionName: string,
  revisions: readonly TrafficRevision[],
  wish: TrafficWish,
): TrafficPlan {
  switch (wish.kind) {
    case "latest":
      return planLatest(revisions);
    case "rollback":
      return planRollback(functionName, revisions);
    case "share":
      return planShare(functionName, revisions, wish.number, wish.percent);
    case "split": {
      const sum = [...wish.shares.values()].reduce((all, percent) => all + percent, 0);
      if (sum !== 100) {
        throw new PlatformError("bad_request", `the percents sum to ${sum}, not to 100`, {
          function: functionName,
        });
      }
      for (const [number, percent] of wish.shares)
        if (percent > 0) requireReady(functionName, revisions, number);
      return { mode: "split", shares: new Map([...wish.shares].filter(([, percent]) => percent > 0)) };
    }
    default:
      return wish satisfies never;
  }
}
