/** A WebSocket that the handler accepted. It ends with the handler: 1000 at its return, 1011 where it throws. */
export interface WebSocketConnection extends AsyncIterable<string | Uint8Array> {
  /** Text for a string, a binary message for bytes. Resolves when the connection takes more; throws once it is closed. */
  send(message: string | Uint8Array): Promise<void>;
  /** The next message; null once the connection is closed. */
  receive(): Promise<string | Uint8Array | null>;
  /** Closes with 1000 unless told otherwise; a reason has at most 123 bytes. Resolves when the connection has ended. */
  close(code?: number, reason?: string): Promise<void>;
  /** The code the other side closed with; 1005 where it gave none, 1006 where it went away; undefined while open. */
  readonly closeCode: number | undefined;
  readonly closeReason: string;
}
