import { RequestHeaders } from "../request-headers.js";
/** What a caller would get. */
export interface TestAnswer {
  readonly status: number;
  readonly headers: RequestHeaders;
  readonly bytes: Uint8Array;
  readonly text: string;
  /** The parsed body; undefined where it is no JSON. */
  readonly json: unknown;
  /** The pieces of a streamed answer, each as it went out; one piece otherwise. */
  readonly pieces: readonly string[];
  /** What the handler sent over the WebSocket that it accepted. */
  readonly sent: ReadonlyArray<string | Uint8Array>;
}
/** The answer to a call whose handler accepted a WebSocket. */
export declare function socketAnswer(sent: ReadonlyArray<string | Uint8Array>): TestAnswer;
/** What the server would make of a handler's value. Throws what the source of a stream throws. */
export declare function collectAnswer(value: unknown, functionName: string): Promise<TestAnswer>;
