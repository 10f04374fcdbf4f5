import { cp, writeFile } from "node:fs/promises";
import path from "node:path";
import { freePort } from "../free-port.ts";
import { tempDir } from "../temp-dir.ts";
import type { Certificate } from "./certificate.ts";
import { absentServer, findKafka } from "./found.ts";
import { startProcess, type ServerProcess } from "./process.ts";

export interface KafkaServer extends ServerProcess {
  /** `host:port`, as KAFKA_BROKERS lists them. */
  readonly brokers: readonly string[];
}

export interface KafkaOptions {
  /** SASL/PLAIN users with their passwords; without them anyone may connect. */
  readonly users?: Readonly<Record<string, string>> | undefined;
  readonly certificate?: Certificate | undefined;
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
  const file = path.join(dir.path, "server.properties");
  await writeFile(file, properties({ port, controller, data, options }));
  const server = await startProcess({
    name: "kafka",
    program: files.java,
    args: [
      ...["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"],
      ...["-cp", path.join(files.libs, "*"), "kafka.Kafka", file],
    ],
    port,
    cleanup: () => dir[Symbol.asyncDispose](),
  });
  return { ...server, brokers: [`127.0.0.1:${port}`] };
}

function properties(place: {
  readonly port: number;
  readonly controller: number;
  readonly data: string;
  readonly options: KafkaOptions;
}): string {
  const { port, controller, data, options } = place;
  const sasl = options.users !== undefined;
  const tls = options.certificate;
  const logins = Object.entries(options.users ?? {}).map(([user, password]) => ` user_${user}="${password}"`);
  const lines: Readonly<Record<string, string>> = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.quorum.voters": `1@127.0.0.1:${controller}`,
    listeners: `CLIENT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controller}`,
    "advertised.listeners": `CLIENT://127.0.0.1:${port}`,
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "CLIENT",
    "listener.security.protocol.map": `CLIENT:${sasl ? "SASL_" : ""}${tls ? "SSL" : "PLAINTEXT"},CONTROLLER:PLAINTEXT`,
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
