import { describe, expect, it } from "vitest";
import { MAX_MESSAGE_BYTES, type Publication, wrap } from "./publication.ts";

const AUTHOR = { org: "acme", source: "fn/classify" };
const NOW = Date.parse("2026-01-02T03:04:05.678Z");

describe("a subject", () => {
  it.each([
    ["mq.notify.support", "nats"],
    ["mq.pipeline.transcription.complete", "nats"],
    ["mq.batch-2.em_beddings", "nats"],
    ["llm_usage", "kafka"],
    ["events", "kafka"],
    ["events_plugin_ingestion2", "kafka"],
  ])("%s goes to %s", (subject, broker) => {
    expect(wrap({ subject, data: 1 }, AUTHOR, NOW).broker).toBe(broker);
  });

  it.each([
    "mq",
    "mq.",
    "mq..a",
    "mq.a.",
    "mq.Notify",
    "mq.a b",
    "mq.*",
    "mq.>",
    "mq.notify.*",
    "mq.dlq",
    "mq.dlq.mq.notify.support",
    "events.plugin",
    "Events",
    "events-x",
    "_events",
    "events_",
    "a__b",
    "$JS.API.STREAM.DELETE.HANZO_MQ",
    "mq.a\r\nPUB mq.b 0",
    "dead.letter",
    ">",
    "x".repeat(250),
  ])("%j is refused", (subject) => {
    expect(() => wrap({ subject, data: 1 }, AUTHOR, NOW)).toThrow(
      expect.objectContaining({ code: "bad_request" }),
    );
  });
});

describe("a publication", () => {
  it.each(["", "a b", "a\r\nb", "x".repeat(129)])("with the id %j is refused", (id) => {
    expect(() => wrap({ subject: "mq.a.b", data: 1, id }, AUTHOR, NOW)).toThrow(
      expect.objectContaining({ code: "bad_request" }),
    );
  });

  const wrapped = (publication: Publication) => {
    const { id, message } = wrap(publication, AUTHOR, NOW);
    return {
      id,
      message,
      envelope: JSON.parse(Buffer.from(message.body).toString()) as Record<string, unknown>,
    };
  };

  it("to a queue is a task of the function", () => {
    const { id, message, envelope } = wrapped({ subject: "mq.notify.support", data: { a: [1, null] } });
    expect(id).toMatch(/^task_[0-9A-HJKMNP-TV-Z]{26}$/);
    expect(envelope).toEqual({
      schema: "hanzo.mq.v1",
      id,
      type: "notify.support",
      source: "fn/classify",
      timestamp: "2026-01-02T03:04:05.678Z",
      org_id: "acme",
      data: { a: [1, null] },
    });
    expect(message).toMatchObject({ target: "mq.notify.support", id });
  });

  it("to a topic is an event of the function, in the order of its organisation", () => {
    const { id, message, envelope } = wrapped({ subject: "billing_events", data: null });
    expect(id).toMatch(/^evt_/);
    expect(envelope).toMatchObject({ schema: "hanzo.stream.v1", type: "billing.events", data: null });
    expect(message).toMatchObject({ target: "billing_events", id, key: "acme" });
  });

  it("with an id keeps it, and is a duplicate among its author's only", () => {
    const { id, message, envelope } = wrapped({ subject: "mq.a.b", data: 1, id: "order-7" });
    expect([id, envelope["id"], message.id]).toEqual(["order-7", "order-7", "acme/fn/classify/order-7"]);
    const long = wrapped({ subject: "mq.a.b", data: 1, id: "x".repeat(128) });
    expect(long.id).toBe("x".repeat(128));
    expect(long.message.id).toMatch(/^sha256:[0-9a-f]{64}$/);
  });

  it("that is too big with its envelope is refused", () => {
    expect(() => wrapped({ subject: "mq.a.b", data: "x".repeat(MAX_MESSAGE_BYTES - 300) })).not.toThrow();
    for (const data of ["x".repeat(MAX_MESSAGE_BYTES - 100), "ä".repeat(MAX_MESSAGE_BYTES / 2)]) {
      expect(() => wrapped({ subject: "mq.a.b", data })).toThrow(
        expect.objectContaining({ code: "payload_too_large" }),
      );
    }
  });
});
