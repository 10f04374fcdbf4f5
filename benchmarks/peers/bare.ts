/** Answers every request with a small JSON object: node:http and nothing else. */
import { createServer } from "node:http";

const server = createServer((request, response) => {
  request.resume();
  request.once("end", () => {
    const body = JSON.stringify({ hello: "world" });
    response.setHeader("Content-Type", "application/json");
    response.setHeader("Content-Length", Buffer.byteLength(body));
    response.end(body);
  });
});
server.listen(Number(process.argv[2]), "127.0.0.1");
