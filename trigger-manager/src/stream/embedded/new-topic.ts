/** A topic that is made because somebody publishes to it or reads it. */
export const NEW_TOPIC = {
  partitions: 4,
  retentionMs: 7 * 24 * 3_600_000,
  /** Of each partition. */
  retentionBytes: 1024 * 1024 * 1024,
} as const;
