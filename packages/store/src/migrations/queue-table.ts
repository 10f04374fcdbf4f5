/**
 * The columns of every queue (queue/definition.ts), for migrations that add one. Released migrations call it: its
 * text never changes.
 */
export function queueColumns(finalStates: readonly string[]): string {
  const states = ["queued", "running", ...finalStates].map((state) => `'${state}'`).join(", ");
  const finals = finalStates.map((state) => `'${state}'`).join(", ");
  return `
    state text not null default 'queued' check (state in (${states})),
    run_at timestamptz not null default queue_now(),
    attempt integer not null default 0 check (attempt >= 0),
    lease_owner text,
    lease_epoch bigint not null default 0,
    lease_until timestamptz,
    started_at timestamptz,
    first_failed_at timestamptz,
    finished_at timestamptz,
    created_at timestamptz not null default queue_now(),
    check ((state = 'running') = (lease_until is not null)),
    check ((state = 'running') = (lease_owner is not null)),
    check ((state in (${finals})) = (finished_at is not null))`;
}

/**
 * Each row is written three times in a short life. Room in the pages keeps a renewed row in its place, for which no
 * index may name `lease_until`; and dead rows go after a fixed number of them, however large the table is: a claim
 * has to step over all that are left.
 */
export const QUEUE_STORAGE = `with (
  fillfactor = 70,
  autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 2000,
  autovacuum_analyze_scale_factor = 0,
  autovacuum_analyze_threshold = 2000,
  autovacuum_vacuum_cost_delay = 0
)`;
