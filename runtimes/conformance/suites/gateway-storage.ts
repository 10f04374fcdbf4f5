import { expect, it } from "vitest";
import { growthDuring } from "../memory.ts";
import type { FakeGateway } from "../fake-gateway.ts";
import type { Server } from "../server.ts";

type Use = (path: string, data: unknown) => Promise<unknown>;

const OBJECT = { key: "out/ä b.txt", size: 5, etag: '"e1"' };
const ENCODED = "/v1/storage/object?ref=out%2F%C3%A4%20b.txt";
const PIECE = 64 * 1024;
const CONSTANT_MIB = 70;

/** `GET /path?a=b` with the query's values decoded, since a language may leave `/` as it is. */
function lines(gateway: FakeGateway): string[] {
  return gateway.seen.map(({ method, url }) => `${method} ${decodeURIComponent(url)}`);
}

export function storageCases(gateway: FakeGateway, use: Use, server: () => Server): void {
  it("ctx.storage: get reads an object whole", async () => {
    gateway.play = () => (_, response) =>
      response.writeHead(200, { "content-type": "text/plain", etag: '"e1"' }).end("grüße");
    expect(await use("/storage/get", { ref: OBJECT.key })).toBe("grüße");
    expect(gateway.seen[0]?.url.replaceAll("+", "%20").replace("out/", "out%2F")).toBe(ENCODED);
  });

  it("ctx.storage: a ref of any kind arrives as it was given", async () => {
    gateway.play = () => (_, response) => response.end("x");
    for (const ref of ["s3://acme-b/k?x=1&y#z", "https://store.example/acme-b/k%20k", "a+b=c"]) {
      await use("/storage/get", { ref });
    }
    expect(gateway.seen.map(({ url }) => new URL(url, "http://g").searchParams.get("ref"))).toEqual([
      "s3://acme-b/k?x=1&y#z",
      "https://store.example/acme-b/k%20k",
      "a+b=c",
    ]);
  });

  it.each([
    [{ start: 2, end: 5 }, "bytes=2-4"],
    [{ start: 2 }, "bytes=2-"],
    [{ end: 5 }, "bytes=0-4"],
    [{}, undefined],
  ])("ctx.storage: open %j asks for the range %s", async (range, header) => {
    gateway.play = () => (_, response) => response.writeHead(header === undefined ? 200 : 206).end("234");
    const answer = await server().call({
      path: "/storage/open",
      body: JSON.stringify({ ref: "a", ...range }),
      headers: { "content-type": "application/json" },
    });
    expect([answer.status, answer.text, gateway.seen[0]?.headers.range]).toEqual([200, "234", header]);
  });

  it("ctx.storage: open streams 64 MB in constant memory", async () => {
    gateway.play = () => (_, response) => {
      let left = 1024;
      const more = (): void => {
        while (left-- > 0) if (!response.write(Buffer.alloc(PIECE))) return;
        response.end();
      };
      response.on("drain", more);
      more();
    };
    const growth = await growthDuring(server(), async () => {
      const answer = await server().call({
        path: "/storage/open",
        body: '{"ref":"a"}',
        headers: { "content-type": "application/json" },
      });
      expect(answer.bytes.length).toBe(1024 * PIECE);
    });
    expect(growth).toBeLessThan(CONSTANT_MIB);
  });

  it("ctx.storage: an object that is cut is no object", async () => {
    gateway.play = () => (_, response, socket) => {
      response.writeHead(200, { "content-length": "10" });
      response.write("half", () => socket.destroy());
    };
    expect(await use("/storage/get", { ref: "a" })).toMatchObject({ error: { code: "unavailable" } });
  });

  it("ctx.storage: put sends the bytes and their type", async () => {
    gateway.play = () => ({ json: OBJECT });
    expect(await use("/storage/put", { ref: "a", text: "grüße", type: "text/csv" })).toEqual(OBJECT);
    expect(lines(gateway)).toEqual(["PUT /v1/storage/object?ref=a"]);
    expect(gateway.seen[0]?.headers["content-type"]).toBe("text/csv");
    expect(gateway.seen[0]?.body.toString("utf8")).toBe("grüße");
  });

  it("ctx.storage: put streams 64 MB in constant memory", async () => {
    gateway.play = ({ body }) => ({ json: { ...OBJECT, size: body.length } });
    const growth = await growthDuring(server(), async () => {
      expect(await use("/storage/pour", { ref: "a", count: 1024 })).toEqual({
        ...OBJECT,
        size: 1024 * PIECE,
      });
    });
    expect(growth).toBeLessThan(CONSTANT_MIB);
  });

  it("ctx.storage: head tells what is there, and null where nothing is", async () => {
    gateway.play = ({ method }) =>
      method === "HEAD"
        ? (_, response) =>
            response
              .writeHead(200, {
                "content-length": "5",
                etag: '"e1"',
                "content-type": "text/csv",
                "last-modified": "Fri, 02 Jan 2026 03:04:05 GMT",
              })
              .end()
        : undefined;
    expect(await use("/storage/head", { ref: "a" })).toMatchObject({ size: 5, etag: '"e1"' });
    gateway.play = () => (_, response) => response.writeHead(404).end();
    expect(await use("/storage/head", { ref: "a" })).toBeNull();
  });

  it("ctx.storage: delete", async () => {
    gateway.play = () => (_, response) => response.writeHead(204).end();
    expect(await use("/storage/delete", { ref: "a" })).toBeNull();
    expect(lines(gateway)).toEqual(["DELETE /v1/storage/object?ref=a"]);
  });

  it("ctx.storage: list asks for page after page", async () => {
    const one = { key: "a/1", size: 1, etag: "e", modified: "2026-01-02T03:04:05Z" };
    const pages = [
      { objects: [one, { ...one, key: "a/2" }], cursor: "c&1" },
      { objects: [{ ...one, key: "a/3" }], cursor: null },
    ];
    gateway.play = () => ({ json: pages.shift() });
    const listed = (await use("/storage/list", { prefix: "a/" })) as Array<{ key: string }>;
    expect(listed.map(({ key }) => key)).toEqual(["a/1", "a/2", "a/3"]);
    expect(listed[0]).toMatchObject({ size: 1, etag: "e" });
    const queries = gateway.seen.map(({ url }) => new URL(url, "http://g"));
    expect(queries.map(({ pathname, searchParams }) => [pathname, searchParams.get("prefix")])).toEqual([
      ["/v1/storage/list", "a/"],
      ["/v1/storage/list", "a/"],
    ]);
    expect(queries.map(({ searchParams }) => searchParams.get("cursor"))).toEqual([null, "c&1"]);
  });

  it("ctx.storage: presign", async () => {
    gateway.play = () => ({ json: { url: "https://s/x", expires_at: "2026-01-02T03:04:05Z" } });
    expect(await use("/storage/presign", { ref: "a" })).toBe("https://s/x");
    expect(await use("/storage/presign", { ref: "a", method: "PUT", expires: 60 })).toBe("https://s/x");
    expect(gateway.seen.map(({ method, url, json }) => [method, url, json])).toEqual([
      ["POST", "/v1/storage/presign", { ref: "a", method: "GET", expires_s: 3600 }],
      ["POST", "/v1/storage/presign", { ref: "a", method: "PUT", expires_s: 60 }],
    ]);
  });
}
