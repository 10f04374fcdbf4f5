import { atMost, type Row, type Target } from "../suite.ts";
import { BASELINE, FROM_ZERO } from "./cold-starts.ts";
import { CHANGED } from "./deploys.ts";
import { API_ONLY, REAL, RECONCILE } from "./reconcile.ts";

export const CLUSTER = "cluster, cached builds";

function figure(row: Row | undefined, name: string): number {
  return Number(row?.[name] ?? Number.NaN);
}

/** What issue 5 wants of these rows. */
export function judge(rows: readonly Row[]): Target[] {
  const of = (part: string): Row[] => rows.filter((row) => row.part === part);
  const [cluster] = of(CLUSTER);
  const deploys = of(CHANGED).flatMap((row) => [
    atMost(`${row["language"]}, code-only deploy to the first 200, ms (p50)`, 5000, figure(row, "p50_ms")),
    atMost(`${row["language"]}, push of its image, ms (p50)`, 300, figure(row, "push_p50_ms")),
  ]);
  const interpreted = of(FROM_ZERO).filter(({ what }) => what !== BASELINE);
  const cold = interpreted.flatMap((row) => [
    atMost(`${row["what"]}, scale from zero, ms (p50)`, 2500, figure(row, "p50_ms")),
    atMost(`${row["what"]}, scale from zero, ms (p99)`, 6000, figure(row, "p99_ms")),
  ]);
  const reconciled = (against: string): Row | undefined =>
    of(RECONCILE).find((row) => row["against"] === against);
  const [real, api] = [reconciled(REAL), reconciled(API_ONLY)];
  return [
    atMost("cluster up with cached builds, until Knative is ready, s", 30, figure(cluster, "up_s")),
    atMost("cluster down, s", 2, figure(cluster, "down_s")),
    ...deploys,
    ...cold,
    atMost(
      `restart with ${real?.["functions"]} functions on the cluster, s to steady`,
      30,
      figure(real, "steady_s"),
    ),
    atMost(
      `restart with ${api?.["functions"]} functions on an API server, s to steady`,
      60,
      figure(api, "steady_s"),
    ),
    atMost(`resident memory of that process, MB`, 300, figure(api, "resident_mb")),
  ];
}
