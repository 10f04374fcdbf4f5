export { type DatabaseClock, turnByHand } from "./database-clock.ts";
export { createFakeClock, type FakeClock, settle } from "./fake-clock.ts";
export { freePort } from "./free-port.ts";
export { type OwnDatabase, startOwnDatabase } from "./own-database.ts";
export { recordingLog, type RecordedLine } from "./recording-log.ts";
export { namedAuthenticator } from "./named-authenticator.ts";
export { seeded, seededBelow } from "./seeded.ts";
export { makeCertificate, needsCertificate, type Certificate } from "./servers/certificate.ts";
export { startCutProxy, type CutProxy } from "./servers/cut-proxy.ts";
export {
  REGISTRY_LOGIN,
  startDockerRegistry,
  type DockerRegistry,
  type DockerRegistryOptions,
} from "./servers/docker-registry.ts";
export {
  startFakeRegistry,
  type FakeRegistry,
  type FaultRule,
  type RegistryFault,
} from "./servers/fake-registry.ts";
export {
  startFakeTokenServer,
  type FakeTokenServer,
  type FakeTokenServerOptions,
} from "./servers/fake-token-server.ts";
export { absentServer, needsServer, type ServerName } from "./servers/found.ts";
export { type KubernetesApi, needsKubernetesApi, startKubernetesApi } from "./servers/kubernetes-api.ts";
export { startKafka, type KafkaOptions, type KafkaServer } from "./servers/kafka.ts";
export { startNats, type NatsOptions, type NatsServer } from "./servers/nats.ts";
export { startRedis, type RedisOptions, type RedisServer } from "./servers/redis.ts";
export { startS3, type S3Options, type S3Server } from "./servers/s3.ts";
export { tempDir, type TempDir } from "./temp-dir.ts";
export { createEmptyDatabase, createTestDatabase, type TestDatabase } from "./test-database.ts";
export { waitFor, type WaitOptions } from "./wait-for.ts";
