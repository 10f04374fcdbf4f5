import type { LookupAddress, LookupAllOptions } from "node:dns";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { createPost, PrivateAddressError } from "./post.ts";

const NEVER = new AbortController().signal;
const BODY = Buffer.from('{"a":1}');

async function serve(listener: RequestListener) {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://127.0.0.1:${port}/`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A name server that gives these addresses for every name. */
function names(...addresses: readonly string[]) {
  const asked: string[] = [];
  const resolve = ((
    host: string,
    _options: LookupAllOptions,
    done: (error: null, found: LookupAddress[]) => void,
  ): void => {
    asked.push(host);
    done(
      null,
      addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })),
    );
  }) as unknown as Parameters<typeof createPost>[1];
  return { asked, resolve };
}

test("posts the body with its headers, and gives the status, whatever it is", async () => {
  const seen: string[] = [];
  await using server = await serve((request, response) => {
    request.on("data", (chunk: Buffer) => seen.push(chunk.toString()));
    request.once("end", () => {
      seen.push(`${request.method} ${request.headers["x-mine"]} ${request.headers["content-length"]}`);
      response.writeHead(503).end("no");
    });
  });
  const post = createPost({ allowPrivate: true, timeoutMs: 5000 });
  expect(await post(server.url, { "x-mine": "1" }, BODY, NEVER)).toEqual({ status: 503 });
  expect(seen).toEqual(['{"a":1}', "POST 1 7"]);
});

test("a redirection is an answer like any other, and is not followed", async () => {
  let requests = 0;
  await using server = await serve((_, response) => {
    requests++;
    response.writeHead(302, { location: "/elsewhere" }).end();
  });
  const post = createPost({ allowPrivate: true, timeoutMs: 5000 });
  expect(await post(server.url, {}, BODY, NEVER)).toEqual({ status: 302 });
  expect(requests).toBe(1);
});

test("an address of a closed network is refused before anything is sent, as a literal and by its name", async () => {
  let requests = 0;
  await using server = await serve((_, response) => {
    requests++;
    response.end();
  });
  const { resolve, asked } = names("127.0.0.1");
  const post = createPost({ allowPrivate: false, timeoutMs: 5000 }, resolve);
  await expect(post(server.url, {}, BODY, NEVER)).rejects.toThrow(PrivateAddressError);
  const named = `http://inside.example:${server.port}/`;
  await expect(post(named, {}, BODY, NEVER)).rejects.toThrow(/inside.example is at a private/);
  expect([asked, requests]).toEqual([["inside.example"], 0]);
});

test("a name with a public and a private address is refused: which of them is taken is not ours to say", async () => {
  const { resolve } = names("93.184.216.34", "10.0.0.7");
  const post = createPost({ allowPrivate: false, timeoutMs: 5000 }, resolve);
  await expect(post("http://both.example/", {}, BODY, NEVER)).rejects.toThrow(PrivateAddressError);
});

test("a receiver that does not answer is given up, and one that is cut ends at once", async () => {
  await using server = await serve(() => {});
  const hasty = createPost({ allowPrivate: true, timeoutMs: 50 });
  await expect(hasty(server.url, {}, BODY, NEVER)).rejects.toThrow("no answer within 0.05 s");
  const cut = new AbortController();
  const posting = createPost({ allowPrivate: true, timeoutMs: 60_000 })(server.url, {}, BODY, cut.signal);
  cut.abort();
  await expect(posting).rejects.toThrow();
});

test("an answer without an end is cut off where its status is known", async () => {
  await using server = await serve((_, response) => {
    response.writeHead(200);
    const pour = (): void =>
      void (response.write("x".repeat(65_536)) ? setImmediate(pour) : response.once("drain", pour));
    pour();
  });
  const post = createPost({ allowPrivate: true, timeoutMs: 20_000 });
  expect(await post(server.url, {}, BODY, NEVER)).toEqual({ status: 200 });
});
