import type { WebSocketConnection } from "../web-socket.ts";

type Message = string | Uint8Array;

/** A WebSocket in memory: a client that has sent all of its messages and closed, and what the handler sent. */
export interface MemorySocket {
  readonly accepted: boolean;
  readonly sent: readonly Message[];
  /** Rejects where the call is no upgrade, and a second time. */
  accept(): Promise<WebSocketConnection>;
}

/** @param messages undefined where the call is no upgrade */
export function createMemorySocket(messages: readonly Message[] | undefined): MemorySocket {
  const sent: Message[] = [];
  let accepted = false;
  return {
    get accepted() {
      return accepted;
    },
    sent,
    async accept() {
      if (messages === undefined)
        throw new Error("ctx.accept() needs a WebSocket upgrade: give the call `messages`");
      if (accepted) throw new Error("ctx.accept() needs a WebSocket upgrade that is not answered yet");
      accepted = true;
      return connection([...messages], sent);
    },
  };
}

function connection(messages: Message[], sent: Message[]): WebSocketConnection {
  let closeCode: number | undefined;
  const receive = async (): Promise<Message | null> => {
    const message = closeCode === undefined ? messages.shift() : undefined;
    if (message !== undefined) return message;
    closeCode ??= 1000;
    return null;
  };
  return {
    get closeCode() {
      return closeCode;
    },
    closeReason: "",
    // The client has sent its close behind its messages, but hears what is sent until it is answered.
    send: async (message) => void sent.push(message),
    receive,
    close: async (code = 1000) => {
      closeCode ??= code;
    },
    async *[Symbol.asyncIterator]() {
      for (let message = await receive(); message !== null; message = await receive()) yield message;
    },
  };
}
