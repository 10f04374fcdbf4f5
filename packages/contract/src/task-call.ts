/** An asynchronous call as the plane that took it hands it on, to be kept and made later. */
export interface TaskCall {
  readonly org: string;
  readonly function: string;
  /** Who calls, for `X-User-Id`; undefined where it is the platform itself. */
  readonly user: string | undefined;
  /** Whether the caller may choose a revision. */
  readonly mayPin: boolean;
  /** With its question mark, or empty. */
  readonly query: string;
  /** As sent, in order. */
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>;
  readonly body: AsyncIterable<Buffer>;
  readonly requestId: string;
}

/** What the caller is told: the call is kept. */
export interface AcceptedTask {
  readonly id: string;
}

/** Resolves when the call is committed; rejects with why it is not kept. */
export type AcceptTask = (call: TaskCall, signal: AbortSignal) => Promise<AcceptedTask>;
