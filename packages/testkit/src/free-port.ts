import { createServer, type AddressInfo } from "node:net";

/** A port that was free on 127.0.0.1 a moment ago. Listening on port 0 is better where the server can tell its port. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
