import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { makeCertificate, needsCertificate } from "@hanzo-fn/testkit";
import { expect, it } from "vitest";
import { httpTransport, SilenceError, type TransportRequest } from "./transport.ts";

const signal = AbortSignal.timeout(600_000);

async function serve(listener: RequestListener, tls?: { cert: string; key: string }) {
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const url = new URL(`${tls === undefined ? "http" : "https"}://127.0.0.1:${port}/`);
  return {
    url,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

const get = (url: URL): TransportRequest => ({ method: "GET", url, headers: {}, signal });

it("silence before the answer, and in the middle of it, ends the exchange", async () => {
  const transport = httpTransport({ silenceMs: 200 });
  await using mute = await serve(() => {});
  await expect(transport(get(mute.url))).rejects.toBeInstanceOf(SilenceError);
  await using halting = await serve((_, response) => {
    response.writeHead(200, { "content-length": 100 });
    response.write("ten bytes.");
  });
  const read = await transport(get(halting.url));
  await expect(text(read.body)).rejects.toBeInstanceOf(SilenceError);
  const unread = await transport(get(halting.url));
  unread.body.resume();
  await new Promise<void>((resolve) => unread.body.once("close", resolve));
  expect(unread.body.errored).toBeInstanceOf(SilenceError);
});

it("a server that answers before it has read everything is heard", async () => {
  await using server = await serve((request, response) => {
    response.writeHead(413, { connection: "close" }).end("too much");
    request.once("data", () => request.socket.end());
  });
  const body = new Uint8Array(64 * 1024 * 1024);
  const headers = { "content-length": body.length };
  const { status } = await httpTransport()({ method: "PUT", url: server.url, headers, body, signal });
  expect(status).toBe(413);
});

it("an abort ends the exchange with its reason", async () => {
  const asked = Promise.withResolvers<void>();
  await using server = await serve(() => asked.resolve());
  const stop = new AbortController();
  const answer = httpTransport()({ ...get(server.url), signal: stop.signal });
  await asked.promise;
  stop.abort(new Error("enough"));
  await expect(answer).rejects.toThrow("enough");
});

it("TLS is trusted by the authority that was given, and by no other", async (ctx) => {
  needsCertificate(ctx);
  await using certificate = await makeCertificate();
  const key = await readFile(certificate.keyFile, "utf8");
  await using server = await serve((_, response) => response.end("hello"), { cert: certificate.pem, key });
  const answer = await httpTransport({ ca: certificate.pem })(get(server.url));
  expect(await text(answer.body)).toBe("hello");
  await expect(httpTransport()(get(server.url))).rejects.toMatchObject({
    code: expect.stringContaining("SELF_SIGNED"),
  });
});
