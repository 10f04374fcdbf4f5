import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { Message, Publisher } from "./publisher.ts";

export interface Kept {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  readonly key?: string | undefined;
}

export interface BrokerUnderTest extends AsyncDisposable {
  /** Reaches the broker; with `stopped` one where nothing listens yet. */
  readonly open: (options?: { readonly timeoutMs?: number | undefined }) => Publisher;
  /** Takes messages of up to a megabyte. */
  readonly target: string;
  /** One that the broker does not take. */
  readonly unknownTarget: string;
  readonly kept: () => Promise<readonly Kept[]>;
  readonly stop: () => Promise<void>;
  readonly start: () => Promise<void>;
  /** One whose login the broker refuses. */
  readonly openWrong: () => Publisher;
}

const patient = new AbortController().signal;

/** What every publisher does; run by each of them in its own `*.it.test.ts`. */
export function exercisePublisher(name: string, setup: () => Promise<BrokerUnderTest>): void {
  const message = (target: string, change: Partial<Message> = {}): Message => ({
    target,
    id: randomUUID(),
    headers: {},
    body: Buffer.from("{}"),
    ...change,
  });

  // oxlint-disable-next-line vitest/valid-title -- the caller names the implementation
  describe(name, () => {
    test("resolves once the broker keeps the message, with its headers, key and bytes", async () => {
      await using t = await setup();
      const publisher = t.open();
      const body = Buffer.from([0, 1, 2, 255, 10]);
      const headers = { "X-Request-ID": "req_1", traceparent: "00-a-b-01", "x-note": "ä: b" };
      const sent = message(t.target, { body, headers, key: "acme" });
      const published = await publisher.publish(sent, patient);
      expect(published).toEqual({ place: expect.stringMatching(/\d$/) as string, duplicate: false });
      const [kept] = await t.kept();
      expect(Buffer.from(kept!.body).equals(body)).toBe(true);
      expect(kept!.headers).toMatchObject({ ...headers, id: sent.id });
      await publisher.publish(message(t.target, { body: new Uint8Array() }), patient);
      expect(await t.kept()).toHaveLength(2);
      await publisher.close();
    });

    test("keeps every one of many messages at once, each once", async () => {
      await using t = await setup();
      const publisher = t.open();
      const bodies = Array.from({ length: 300 }, (_, i) => `m${i}`);
      await Promise.all(
        bodies.map((body) => publisher.publish(message(t.target, { body: Buffer.from(body) }), patient)),
      );
      await publisher.close();
      const kept = (await t.kept()).map(({ body }) => Buffer.from(body).toString());
      expect(kept.toSorted()).toEqual(bodies.toSorted());
    });

    test("refuses what is too large for the broker, and sends the next one", async () => {
      await using t = await setup();
      const publisher = t.open();
      const large = message(t.target, { key: "k", body: Buffer.alloc(3_000_000) });
      await expect(publisher.publish(large, patient)).rejects.toMatchObject({ code: "payload_too_large" });
      for (let i = 0; i < 3; i++) await publisher.publish(message(t.target, { key: "k" }), patient);
      await publisher.close();
      expect(await t.kept()).toHaveLength(3);
    });

    test("says which target the broker does not take, and refuses one that is none", async () => {
      await using t = await setup();
      const publisher = t.open();
      await expect(publisher.publish(message(t.unknownTarget), patient)).rejects.toMatchObject({
        message: expect.stringContaining(t.unknownTarget) as string,
        code: "bad_request",
      });
      await expect(publisher.publish(message("a b"), patient)).rejects.toMatchObject({ code: "bad_request" });
      await expect(publisher.publish(message(t.target, { id: "" }), patient)).rejects.toMatchObject({
        code: "bad_request",
      });
      await publisher.close();
    });

    test("with a broker that is down at the start is patient, and then unavailable", async () => {
      await using t = await setup();
      await t.stop();
      const hasty = t.open({ timeoutMs: 500 });
      await expect(hasty.publish(message(t.target), patient)).rejects.toMatchObject({
        code: "unavailable",
        retryable: true,
        next: expect.any(String) as string,
      });
      await hasty.close();
      const publisher = t.open({ timeoutMs: 20_000 });
      const publishing = publisher.publish(message(t.target), patient);
      await t.start();
      expect(await publishing).toMatchObject({ duplicate: false });
      await publisher.close();
      expect(await t.kept()).toHaveLength(1);
    });

    test("with a broker that restarts loses no message", async () => {
      await using t = await setup();
      const publisher = t.open({ timeoutMs: 25_000 });
      await publisher.publish(message(t.target, { body: Buffer.from("before") }), patient);
      await t.stop();
      const during = ["a", "b", "c"].map((body) =>
        publisher.publish(message(t.target, { body: Buffer.from(body) }), patient),
      );
      await t.start();
      await Promise.all(during);
      await publisher.publish(message(t.target, { body: Buffer.from("after") }), patient);
      await publisher.close();
      const kept = new Set((await t.kept()).map(({ body }) => Buffer.from(body).toString()));
      expect([...kept].toSorted()).toEqual(["a", "after", "b", "before", "c"]);
    });

    test("stops waiting at the signal, and does not begin after it", async () => {
      await using t = await setup();
      const publisher = t.open({ timeoutMs: 20_000 });
      await t.stop();
      const gaveUp = new AbortController();
      const publishing = publisher.publish(message(t.target), gaveUp.signal);
      gaveUp.abort(new Error("gave up"));
      await expect(publishing).rejects.toThrow("gave up");
      await expect(publisher.publish(message(t.target), gaveUp.signal)).rejects.toThrow("gave up");
      await publisher.close();
    });

    test("sends what was accepted before it closes, and nothing after", async () => {
      await using t = await setup();
      const publisher = t.open();
      const publishing = publisher.publish(message(t.target), patient);
      await Promise.all([publisher.close(), publisher.close()]);
      expect(await publishing).toMatchObject({ duplicate: false });
      expect(await t.kept()).toHaveLength(1);
      await expect(publisher.publish(message(t.target), patient)).rejects.toMatchObject({
        code: "unavailable",
      });
      await t.open().close();
    });

    test("says that the broker refuses our credentials without trying for long", async () => {
      await using t = await setup();
      const publisher = t.openWrong();
      await expect(publisher.publish(message(t.target), patient)).rejects.toMatchObject({
        code: "unavailable",
        message: expect.stringContaining("credentials") as string,
        next: expect.any(String) as string,
      });
      await publisher.close();
    });
  });
}
