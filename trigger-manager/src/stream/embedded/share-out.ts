export interface ShareInput {
  readonly partitions: number;
  /** Living members by name, in any order. */
  readonly members: readonly string[];
  readonly me: string;
  /** What I have. */
  readonly mine: readonly number[];
}

export interface ShareOutcome {
  /** What I give away, so that others get their share. */
  readonly release: readonly number[];
  /** How many more are mine to take. */
  readonly claim: number;
}

/**
 * Everybody has as many partitions as the others, or one more; who has more is decided by the names. Each decides for
 * itself from the same facts, and only about what it has: nobody is told what to do.
 */
export function shareOut({ partitions, members, me, mine }: ShareInput): ShareOutcome {
  const names = [...new Set([...members, me])].sort();
  const each = Math.floor(partitions / names.length);
  const share = each + (names.indexOf(me) < partitions % names.length ? 1 : 0);
  const sorted = [...mine].sort((a, b) => a - b);
  return { release: sorted.slice(share), claim: Math.max(0, share - mine.length) };
}
