import { PlatformError } from "@hanzo-fn/contract";

const FULL: ReadonlySet<unknown> = new Set(["ENOSPC", "EDQUOT"]);

/** `storage_full` for a full disk or quota; anything else as it is. */
export function mapDiskError(error: unknown): unknown {
  if (!(error instanceof Error) || !FULL.has((error as NodeJS.ErrnoException).code)) return error;
  return new PlatformError("storage_full", "the disk that holds the blobs is full", {
    cause: error,
    component: "blobs",
    next: "Free space in the data directory, or move it (data_dir).",
  });
}
