/** The head of an answer as it goes to the caller; framing and connection fields are the origin's to add. */
export interface AnswerHead {
  readonly status: number;
  readonly reason: string;
  /** Header lines, each with its CRLF; the platform's own included. */
  readonly lines: string;
  /** `Content-Length` of the answer; -1 where it is not known. */
  readonly length: number;
  /** No body follows, whatever `length` says (HEAD, 204, 304). */
  readonly bodyless: boolean;
  /** Set on 101: everything that follows is the other protocol's. */
  readonly upgrade: string | undefined;
}

/**
 * Who makes a call and takes its answer: a client connection, or a caller in this process. Callbacks, not streams
 * or promises, since one object lives for many calls. Exactly one of `onAnswer`, `onEnd` and `onCut` ends a call,
 * unless the origin aborted it.
 */
export interface Origin {
  /** The request body is wanted now. */
  onAccepting(): void;
  /** The function took what it was behind with; more of the request body is welcome. */
  onRequestDrain(): void;
  onInterim(status: number, reason: string, lines: string): void;
  onHead(head: AnswerHead): void;
  /** Body bytes; the buffer is lent for the call. */
  onBody(buffer: Buffer, start: number, end: number): void;
  /** Everything that is there at the moment has been handed on. */
  onFlush(): void;
  /** True while the caller is behind; `Call.resumeAnswer` follows. */
  readonly full: boolean;
  onEnd(): void;
  /** A whole answer of the platform's own. */
  onAnswer(status: number, lines: string, body: string): void;
  /** The answer has begun and will never be complete. */
  onCut(): void;
}
