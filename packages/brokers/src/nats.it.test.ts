import { systemClock } from "@hanzo-fn/lifecycle";
import {
  makeCertificate,
  needsCertificate,
  needsServer,
  startNats,
  type NatsServer,
} from "@hanzo-fn/testkit";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { beforeEach, describe, expect, test } from "vitest";
import { exercisePublisher, type Kept } from "./conformance.ts";
import { createNatsPublisher, type NatsPublisherSettings } from "./index.ts";

beforeEach((ctx) => needsServer(ctx, "nats-server"));

const USERS = `authorization { users: [
  { user: admin, password: admin },
  { user: functions, password: "s p@ss", permissions: { publish: ["mq.>"], subscribe: ["_INBOX.>"] } },
  { user: curious, password: x, permissions: { publish: ["mq.>", "$JS.API.STREAM.INFO.HANZO_MQ"], subscribe: ["_INBOX.>"] } }
] }`;

const deps = { clock: systemClock };
const patient = new AbortController().signal;
const message = (target: string, id = "1") => ({ target, id, headers: {}, body: Buffer.from("{}") });

async function admin(server: NatsServer) {
  const connection = await connect({ servers: server.url, user: "admin", pass: "admin" });
  const manager = await jetstreamManager(connection);
  return { connection, manager, [Symbol.asyncDispose]: () => connection.close() };
}

async function addStream(server: NatsServer, change: object = {}): Promise<void> {
  await using a = await admin(server);
  await a.manager.streams.add({ name: "HANZO_MQ", subjects: ["mq.>"], ...change });
}

async function keptIn(server: NatsServer): Promise<Kept[]> {
  await using a = await admin(server);
  const { state } = await a.manager.streams.info("HANZO_MQ");
  if (state.messages === 0) return [];
  const consumer = await jetstream(a.connection).consumers.get("HANZO_MQ");
  const kept: Kept[] = [];
  for await (const one of await consumer.fetch({ max_messages: state.messages, expires: 5000 })) {
    const headers = Object.fromEntries(
      [...(one.headers ?? [])].map(([name, [value]]) => [name, value ?? ""]),
    );
    kept.push({ headers: { ...headers, id: headers["Nats-Msg-Id"] ?? "" }, body: one.data });
  }
  return kept;
}

const open = (server: NatsServer, settings: Partial<NatsPublisherSettings> = {}) =>
  createNatsPublisher(deps, { servers: [server.url], user: "curious", password: "x", ...settings });

exercisePublisher("a publisher to NATS", async () => {
  const server = await startNats({ config: USERS });
  await addStream(server, { subjects: ["mq.notify.>"] });
  return {
    open: (options) => open(server, options),
    openWrong: () => open(server, { password: "wrong" }),
    target: "mq.notify.support",
    unknownTarget: "mq.other",
    kept: () => keptIn(server),
    stop: () => server.stop(),
    start: () => server.start(),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
});

describe("a publisher to NATS", () => {
  test("lets the stream drop a message whose id it has, and says so", async () => {
    await using server = await startNats({ config: USERS });
    await addStream(server);
    const publisher = open(server);
    const first = await publisher.publish(message("mq.a", "same"), patient);
    expect(first).toEqual({ place: "HANZO_MQ:1", duplicate: false });
    expect(await publisher.publish(message("mq.a", "same"), patient)).toEqual({ ...first, duplicate: true });
    await publisher.close();
    expect(await keptIn(server)).toHaveLength(1);
  });

  test("names the stream and the subject where the stream is missing, and works once it is there", async () => {
    await using server = await startNats({ config: USERS });
    const publisher = open(server);
    await expect(publisher.publish(message("mq.a"), patient)).rejects.toMatchObject({
      code: "unavailable",
      message: "nothing keeps messages of mq.a: there is no stream HANZO_MQ",
      next: expect.stringContaining("nats stream add HANZO_MQ") as string,
    });
    await addStream(server);
    expect(await publisher.publish(message("mq.a"), patient)).toMatchObject({ place: "HANZO_MQ:1" });
    await publisher.close();
  });

  test("names the stream's subjects where the subject is none of them", async () => {
    await using server = await startNats({ config: USERS });
    await addStream(server, { subjects: ["mq.notify.>", "mq.batch.*"] });
    const publisher = open(server);
    await expect(publisher.publish(message("mq.other"), patient)).rejects.toMatchObject({
      code: "bad_request",
      message: "the stream HANZO_MQ takes mq.notify.>, mq.batch.*, not mq.other",
    });
    await publisher.close();
  });

  test("says what our user lacks", async () => {
    await using server = await startNats({ config: USERS });
    const publisher = open(server, { user: "functions", password: "s p@ss" });
    await expect(publisher.publish(message("other.a"), patient)).rejects.toMatchObject({
      code: "unavailable",
      message: "our NATS user may not publish to other.a",
    });
    await expect(publisher.publish(message("mq.a"), patient)).rejects.toMatchObject({
      code: "unavailable",
      next: expect.stringContaining("$JS.API.STREAM.INFO.HANZO_MQ") as string,
    });
    await publisher.close();
  });

  test("takes a login from the URL, and a token", async () => {
    await using server = await startNats({ config: USERS });
    await addStream(server);
    const url = server.url.replace("//", "//functions:s%20p%40ss@");
    const publisher = createNatsPublisher(deps, { servers: [url] });
    expect(await publisher.publish(message("mq.a"), patient)).toMatchObject({ duplicate: false });
    await publisher.close();
    await using guarded = await startNats({ config: 'authorization { token: "t0ken" }', jetstream: false });
    const other = createNatsPublisher(deps, { servers: [guarded.url], token: "t0ken" });
    await expect(other.publish(message("mq.a"), patient)).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringContaining("JetStream is not enabled") as string,
    });
    await other.close();
  });

  test("says that the stream is full, and what is larger than the stream takes", async () => {
    await using server = await startNats({ config: USERS });
    await addStream(server, { max_msgs: 1, discard: "new", max_msg_size: 1000 });
    const publisher = open(server);
    await publisher.publish(message("mq.a", "1"), patient);
    await expect(publisher.publish(message("mq.a", "2"), patient)).rejects.toMatchObject({
      code: "storage_full",
    });
    const large = { ...message("mq.a", "3"), body: Buffer.alloc(2000) };
    await expect(publisher.publish(large, patient)).rejects.toMatchObject({ code: "payload_too_large" });
    await publisher.close();
  });

  test("speaks TLS, and trusts only whom it was told to", async (ctx) => {
    needsCertificate(ctx);
    await using certificate = await makeCertificate();
    const tls = `tls { cert_file: "${certificate.certFile}", key_file: "${certificate.keyFile}" }`;
    await using server = await startNats({ config: tls, jetstream: false });
    // By name: for an address the client would check the name localhost.
    const servers = [server.url.replace("nats://127.0.0.1", "tls://localhost")];
    const trusting = createNatsPublisher(deps, { servers, tls: { ca: certificate.pem }, timeoutMs: 5000 });
    await expect(trusting.publish(message("mq.a"), patient)).rejects.toThrow(/JetStream is not enabled/);
    await trusting.close();
    const careful = createNatsPublisher(deps, { servers, timeoutMs: 1000 });
    await expect(careful.publish(message("mq.a"), patient)).rejects.toThrow(/self-signed/);
    await careful.close();
  });
});
