/** Bounds for one source archive; all sizes in bytes. */
export interface SourceLimits {
  /** The archive as it is uploaded. */
  readonly maxArchiveBytes: number;
  /** One file (HIP-60: 100 MB). */
  readonly maxFileBytes: number;
  /** All files together, unpacked. */
  readonly maxTotalBytes: number;
  readonly maxEntries: number;
  readonly maxPathBytes: number;
}

const MIB = 1024 * 1024;

export const DEFAULT_SOURCE_LIMITS: SourceLimits = {
  maxArchiveBytes: 256 * MIB,
  maxFileBytes: 100 * MIB,
  maxTotalBytes: 512 * MIB,
  maxEntries: 20_000,
  maxPathBytes: 1024,
};

/** Up to here any compression is fine; beyond it, nothing honest compresses better than `MAX_RATIO`. */
export const RATIO_FREE_BYTES = 32 * MIB;
export const MAX_RATIO = 200;
