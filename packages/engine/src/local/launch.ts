/** How one runtime's server is started. */
export interface RuntimeLaunch {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Why this machine cannot run it, in words for a user; undefined where it can. */
  readonly unavailable?: string | undefined;
}
