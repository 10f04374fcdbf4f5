/** How one runtime's server is started. */
export interface RuntimeLaunch {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /**
   * Each function is an executable of its own that holds the server: instances start from nothing with their working
   * copy's `executable`, and `command` and `args` are not used.
   */
  readonly compiled?: boolean | undefined;
  /** Why this machine cannot run it, in words for a user; undefined where it can. */
  readonly unavailable?: string | undefined;
}
