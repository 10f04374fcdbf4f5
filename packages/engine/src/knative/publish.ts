import type { DesiredRevision } from "../engine.ts";

/** The image that a revision runs from, and how it came about. */
export interface Published {
  /** `host/repository@sha256:...`, as `RevisionWish` takes it. */
  readonly image: string;
  /** Milliseconds by phase: `build`, `push` and others. Only what was done. */
  readonly phasesMs: Readonly<Record<string, number>>;
  /** In words a user understands. */
  readonly warnings: readonly string[];
}

/**
 * From a revision's source to an image in a registry. Idempotent: what was published already is answered without sending
 * anything. Throws what a build throws (`build_failed` and kin), `registry_unreachable`, `registry_refused` and `image_untrusted`.
 */
export interface Publisher {
  publish(revision: DesiredRevision, signal: AbortSignal): Promise<Published>;
}
