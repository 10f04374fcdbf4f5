import { cp, writeFile } from "node:fs/promises";
import path from "node:path";
import { freePort } from "../free-port.ts";
import { tempDir } from "../temp-dir.ts";
import type { Certificate } from "./certificate.ts";
import { type CutProxy, startCutProxy } from "./cut-proxy.ts";
import { absentServer, findKafka } from "./found.ts";
import { startProcess, type ServerProcess } from "./process.ts";

export interface KafkaServer extends ServerProcess {
  /** `host:port`, as KAFKA_BROKERS lists them. */
  readonly brokers: readonly string[];
  /** Other ways to it, as many as were asked for: who connects by one stays on it. */
  readonly proxies: readonly CutProxy[];
}

export interface KafkaOptions {
  /** SASL/PLAIN users with their passwords; without them anyone may connect. */
  readonly users?: Readonly<Record<string, string>> | undefined;
  readonly certificate?: Certificate | undefined;
  /** Ways to the broker that can be cut, without SASL and TLS. */
  readonly proxies?: number | undefined;
  /** Further broker settings. */
  readonly settings?: Readonly<Record<string, string>> | undefined;
}

/** `await using kafka = await startKafka()`: one broker that makes no topic by itself. Takes seconds. */
export async function startKafka(options: KafkaOptions = {}): Promise<KafkaServer> {
  const files = findKafka();
  if (!files) throw new Error(absentServer("kafka"));
  const dir = await tempDir("hanzo-fn-kafka-");
  const [port, controller] = [await freePort(), await freePort()];
  const data = path.join(dir.path, "data");
  await cp(files.template, data, { recursive: true });
  const ways: Way[] = [];
  for (let i = 0; i < (options.proxies ?? 0); i++) {
    const behind = await freePort();
    ways.push({ port: behind, proxy: await startCutProxy(behind) });
  }
  const file = path.join(dir.path, "server.properties");
  await writeFile(file, properties({ port, controller, data, ways, options }));
  const server = await startProcess({
    name: "kafka",
    program: files.java,
    args: [
      ...["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"],
      ...["-cp", path.join(files.libs, "*"), "kafka.Kafka", file],
    ],
    port,
    async cleanup() {
      for (const { proxy } of ways) await proxy[Symbol.asyncDispose]();
      await dir[Symbol.asyncDispose]();
    },
  });
  return { ...server, brokers: [`127.0.0.1:${port}`], proxies: ways.map(({ proxy }) => proxy) };
}

/** A listener of the broker's that is told of as the proxy before it. */
interface Way {
  readonly port: number;
  readonly proxy: CutProxy;
}

function properties(place: {
  readonly port: number;
  readonly controller: number;
  readonly data: string;
  readonly ways: readonly Way[];
  readonly options: KafkaOptions;
}): string {
  const { port, controller, data, ways, options } = place;
  const each = (text: (way: Way, name: string) => string): string =>
    ways.map((way, i) => `,${text(way, `PROXY${i}`)}`).join("");
  const sasl = options.users !== undefined;
  const tls = options.certificate;
  const logins = Object.entries(options.users ?? {}).map(([user, password]) => ` user_${user}="${password}"`);
  const lines: Readonly<Record<string, string>> = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.quorum.voters": `1@127.0.0.1:${controller}`,
    listeners: `CLIENT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controller}${each((way, name) => `${name}://127.0.0.1:${way.port}`)}`,
    "advertised.listeners": `CLIENT://127.0.0.1:${port}${each(({ proxy }, name) => `${name}://127.0.0.1:${proxy.port}`)}`,
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "CLIENT",
    "listener.security.protocol.map": `CLIENT:${sasl ? "SASL_" : ""}${tls ? "SSL" : "PLAINTEXT"},CONTROLLER:PLAINTEXT${each((_, name) => `${name}:PLAINTEXT`)}`,
    "log.dirs": data,
    "auto.create.topics.enable": "false",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    // A killed broker may register again only when its old registration has expired (9 s where not set).
    "broker.session.timeout.ms": "1000",
    "broker.heartbeat.interval.ms": "200",
    ...(sasl
      ? {
          "sasl.enabled.mechanisms": "PLAIN",
          "sasl.mechanism.inter.broker.protocol": "PLAIN",
          "listener.name.client.plain.sasl.jaas.config": `org.apache.kafka.common.security.plain.PlainLoginModule required username="broker" password="broker" user_broker="broker"${logins.join("")};`,
        }
      : {}),
    ...(tls
      ? {
          "ssl.keystore.type": "PEM",
          "ssl.keystore.location": tls.bothFile,
          "ssl.truststore.type": "PEM",
          "ssl.truststore.location": tls.certFile,
        }
      : {}),
    ...options.settings,
  };
  return Object.entries(lines)
    .map(([name, value]) => `${name}=${value}\n`)
    .join("");
}
