export interface DevOptions {
  /** Absolute; a real path. */
  readonly root: string;
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Where runtime servers and installed dependencies are kept between sessions. */
  readonly cache: string;
  /** Directory with one directory per model, for `ctx.model`. */
  readonly models: string | undefined;
  /** Port of a debugger; undefined: none. */
  readonly debugPort: number | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
}
