export interface Page<Row> {
  readonly shown: readonly Row[];
  /** `next` of the answer: after which row the next page begins. Empty where none follows. */
  readonly following: { readonly next?: string };
}

/** A page of up to `limit` rows, out of up to `limit + 1` that were asked for. */
export function pageOf<Row>(rows: readonly Row[], limit: number, cursor: (last: Row) => string): Page<Row> {
  const shown = rows.slice(0, limit);
  const last = rows.length > limit ? shown.at(-1) : undefined;
  return { shown, following: last === undefined ? {} : { next: cursor(last) } };
}
