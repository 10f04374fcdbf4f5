import { PlatformError } from "@hanzo-fn/contract";
import { expect, test } from "vitest";
import { openTestGateway, recordingPublisher } from "../test-setup.ts";

const body = (value: unknown) => ({ method: "POST", body: JSON.stringify(value) });

test("a message reaches the broker of its subject, and its id comes back", async () => {
  const [nats, kafka] = [recordingPublisher(), recordingPublisher()];
  await using t = await openTestGateway({ publishers: { nats: nats.publisher, kafka: kafka.publisher } });
  const queued = await t.call("/v1/publish", body({ subject: "mq.notify.support", data: { text: "grüße" } }));
  const streamed = await t.call("/v1/publish", body({ subject: "billing_events", data: [1], id: "b-1" }));
  expect([queued.status, streamed.status, streamed.json()]).toEqual([200, 200, { id: "b-1" }]);
  expect(nats.messages).toMatchObject([{ target: "mq.notify.support", id: queued.json()["id"] }]);
  expect(JSON.parse(Buffer.from(nats.messages[0]!.body).toString())).toMatchObject({
    schema: "hanzo.mq.v1",
    org_id: "acme",
    source: "fn/f",
    data: { text: "grüße" },
  });
  expect(kafka.messages).toMatchObject([{ target: "billing_events", id: "acme/fn/f/b-1", key: "acme" }]);
});

test("nobody publishes where the platform parks what failed", async () => {
  await using t = await openTestGateway();
  expect((await t.call("/v1/publish", body({ subject: "mq.dlq.x", data: 1 }))).status).toBe(400);
});

test("a message that the broker did not take is no success", async () => {
  const failing = {
    publish: () => Promise.reject(new PlatformError("unavailable", "no answer in time")),
    close: () => Promise.resolve(),
  };
  await using t = await openTestGateway({ publishers: { nats: failing } });
  const reply = await t.call("/v1/publish", body({ subject: "mq.a.b", data: 1 }));
  expect(reply.json()).toMatchObject({ code: 503, error: "unavailable", msg: "no answer in time" });
});

test("a caller that goes away takes its message along", async () => {
  const seen = Promise.withResolvers<AbortSignal>();
  const slow = {
    publish(_message: unknown, signal: AbortSignal) {
      seen.resolve(signal);
      return new Promise<never>((_, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
      });
    },
    close: () => Promise.resolve(),
  };
  await using t = await openTestGateway({ publishers: { nats: slow } });
  const gone = new AbortController();
  const sent = t.call("/v1/publish", { ...body({ subject: "mq.a.b", data: 1 }), signal: gone.signal });
  const signal = await seen.promise;
  gone.abort();
  await expect(sent).rejects.toThrow();
  await expect.poll(() => signal.aborted).toBe(true);
});
