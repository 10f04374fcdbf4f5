import { describe, expect, it } from "vitest";
import { GatewayError, Response, type Context } from "../index.ts";
import { createTestPlatform } from "./index.ts";

/** The TypeScript sample of HIP-60, but for its helper types. */
async function webhook(ctx: Context): Promise<Response> {
  const event = ctx.data as { text: string };
  const intent = await ctx.model("distilbert-intent").predict(event.text);
  if (intent.label === "support") {
    await ctx.publish("mq.notify.support", {
      channel: "slack",
      message: event.text,
      metadata: { confidence: intent.score },
    });
  }
  return Response.ok({ routed: true, intent: intent.label });
}

describe("createTestPlatform", () => {
  it("runs a handler with a model and shows what it published", async () => {
    const platform = createTestPlatform({
      models: { "distilbert-intent": { predict: () => ({ label: "support", score: 0.9 }) } },
    });
    const answer = await platform.invoke(webhook, { data: { text: "help" } });
    expect([answer.status, answer.json]).toEqual([200, { routed: true, intent: "support" }]);
    expect(platform.published).toEqual([
      {
        subject: "mq.notify.support",
        data: { channel: "slack", message: "help", metadata: { confidence: 0.9 } },
        id: "msg-1",
      },
    ]);
  });

  it("keeps keys, objects and logs from call to call", async () => {
    const platform = createTestPlatform();
    const count = async (ctx: Context): Promise<unknown> => {
      ctx.log.info("counting", { n: 1 });
      await ctx.storage.put("out/a.txt", "text");
      return { n: await ctx.kv.incr("n") };
    };
    await platform.invoke(count);
    expect((await platform.invoke(count)).json).toEqual({ n: 2 });
    expect(await platform.kv.get("n")).toBe("2");
    expect(Buffer.from(await platform.storage.get("out/a.txt")).toString()).toBe("text");
    expect(platform.logs).toHaveLength(2);
    expect(platform.logs[0]).toEqual({ level: "info", msg: "counting", fields: { n: 1 } });
  });

  it("gives the handler what the server would: query, text, event, batch, trigger", async () => {
    const platform = createTestPlatform();
    const echo = ({ data, event, batch, method, trigger }: Context): unknown => ({
      data,
      event: event?.type ?? null,
      ids: batch?.map(({ id }) => id) ?? null,
      method,
      source: trigger.source,
    });
    const plain = { event: null, ids: null, method: "POST", source: "/" };
    expect((await platform.invoke(echo, { path: "/x?a=1" })).json).toEqual({
      ...plain,
      data: { a: "1" },
      method: "GET",
      source: "/x",
    });
    const text = { body: "hi", headers: { "Content-Type": "text/plain" } };
    expect((await platform.invoke(echo, text)).json).toEqual({ ...plain, data: { body: "hi" } });
    const event = { type: "made", data: { n: 1 } };
    expect((await platform.invoke(echo, { event })).json).toEqual({
      ...plain,
      data: { n: 1 },
      event: "made",
    });
    const batch = [
      { id: "a", data: 1 },
      { id: "b", data: 2 },
    ];
    expect((await platform.invoke(echo, { batch, trigger: { source: "mq.x" } })).json).toEqual({
      ...plain,
      data: [1, 2],
      ids: ["a", "b"],
      source: "mq.x",
    });
  });

  it("refuses what the platform would refuse", async () => {
    const platform = createTestPlatform();
    const body = { body: "{", headers: { "content-type": "application/json" } };
    await expect(platform.invoke(() => "x", body)).rejects.toThrow(/would answer 400/);
    const { kv, storage } = platform;
    await expect(kv.get("")).rejects.toThrow(GatewayError);
    await expect(kv.get("x".repeat(1025))).rejects.toMatchObject({ code: "payload_too_large", status: 413 });
    await expect(storage.get("../a")).rejects.toMatchObject({ code: "bad_request" });
    await expect(storage.get("nothing")).rejects.toMatchObject({ code: "not_found" });
    const ctx = platform.context();
    await expect(ctx.publish("mq.dlq.x", 1)).rejects.toMatchObject({ code: "bad_request" });
    await expect(ctx.publish("mq.*", 1)).rejects.toMatchObject({ code: "bad_request" });
    await expect(ctx.model("none").predict("x")).rejects.toMatchObject({ code: "not_found" });
    await expect(ctx.accept()).rejects.toThrow(/WebSocket/);
  });

  it("collects streams piece by piece", async () => {
    const platform = createTestPlatform();
    const answer = await platform.invoke(function* () {
      yield "one";
      yield { n: 2 };
    });
    expect(answer.pieces).toEqual(["one", '{"n":2}\n']);
    expect(answer.headers.get("Content-Type")).toBe("text/plain; charset=utf-8");
    const events = await platform.invoke(() => Response.sse(["a"]));
    expect([events.text, events.headers.get("content-type")]).toEqual(["data: a\n\n", "text/event-stream"]);
  });

  it("hands a second parameter the body as a stream", async () => {
    const platform = createTestPlatform();
    const answer = await platform.invoke(
      async (ctx: Context, body: ReadableStream<Uint8Array>) => {
        const pieces: Uint8Array[] = [];
        for await (const piece of body) pieces.push(piece);
        return {
          data: ctx.data,
          size: ctx.body.length,
          path: ctx.path,
          body: Buffer.concat(pieces).toString(),
        };
      },
      { body: "stream", path: "/up" },
    );
    expect(answer.json).toEqual({ data: null, size: 0, path: "/up", body: "stream" });
  });

  it("plays the client of a WebSocket", async () => {
    const platform = createTestPlatform();
    const shout = async (ctx: Context): Promise<void> => {
      const ws = await ctx.accept();
      for await (const message of ws) await ws.send(String(message).toUpperCase());
      ctx.log.info(`closed ${ws.closeCode}`);
    };
    const answer = await platform.invoke(shout, { messages: ["a", "b"] });
    expect([answer.status, answer.sent, platform.logs[0]?.msg]).toEqual([101, ["A", "B"], "closed 1000"]);
    await expect(platform.invoke(shout)).rejects.toThrow(/WebSocket/);
  });

  it("throws what the handler throws", async () => {
    await expect(
      createTestPlatform().invoke(() => {
        throw new RangeError("from the handler");
      }),
    ).rejects.toThrow(RangeError);
  });
});
