import { connect } from "node:net";

/** Whether something accepts connections at a Unix socket's path right now. Never rejects. */
export function isListening(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    const settle = (up: boolean): void => {
      socket.destroy();
      resolve(up);
    };
    socket.once("connect", () => settle(true));
    // A queue of connections that is full is one of somebody who listens.
    socket.once("error", ({ code }: NodeJS.ErrnoException) => settle(code === "EAGAIN"));
  });
}
