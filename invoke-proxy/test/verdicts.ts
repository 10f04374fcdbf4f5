import type { Comparison } from "./differential.ts";

/** What is wrong with how a valid message of `size` bytes was read; undefined where nothing is. */
export function wrong({ ours, difference }: Comparison, size: number): string | undefined {
  if (difference !== undefined) return difference;
  return ours.kind === "message" && ours.at === size ? undefined : JSON.stringify(ours);
}

/** Bytes behind the end of a response are `smuggled`: the owner of the connection sees them and closes it. */
export function kindOf({ ours }: Comparison, size: number): string {
  return ours.kind === "message" && ours.at < size ? "smuggled" : ours.kind;
}
