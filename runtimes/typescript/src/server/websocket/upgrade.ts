import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { ServerSocket } from "./connection.ts";
import { switchingHead, upgradeKey } from "./handshake.ts";

/** Bytes that a client may send before its upgrade is accepted. */
const EARLY_LIMIT = 64 * 1024;

/** A connection whose client asked for a WebSocket, until the handler accepts it or answers in plain HTTP. */
export class Upgrade {
  readonly socket: Duplex;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #early: Buffer[] = [];
  #size = 0;
  #accepted = false;

  constructor(request: IncomingMessage, response: ServerResponse, socket: Duplex, head: Buffer) {
    this.socket = socket;
    this.#request = request;
    this.#response = response;
    // Read on, or nobody would notice that the client goes away.
    socket
      .on("data", this.#hold)
      .on("end", this.#left)
      .on("error", () => undefined);
    if (head.length > 0) this.#hold(head);
    response.on("finish", () => this.#accepted || socket.end());
  }

  /** Answers 101. Throws where the upgrade is not one that can be accepted, or the call is answered. */
  accept(platform: readonly string[], gone: () => void): ServerSocket {
    const key = upgradeKey(this.#request);
    if (key === undefined || this.#accepted || this.#response.headersSent)
      throw new Error("ctx.accept() needs a WebSocket upgrade that is not answered yet");
    this.#accepted = true;
    this.socket.off("data", this.#hold).off("end", this.#left);
    // The head is written past the response, which knows no answer without an end.
    this.#response.detachSocket(this.socket as Parameters<ServerResponse["detachSocket"]>[0]);
    this.socket.write(switchingHead(key, platform), "latin1");
    return new ServerSocket(this.socket, this.#early, gone);
  }

  readonly #hold = (chunk: Buffer): void => {
    this.#early.push(chunk);
    this.#size += chunk.length;
    if (this.#size > EARLY_LIMIT) this.socket.destroy();
  };

  readonly #left = (): void => {
    this.socket.destroy();
  };
}
