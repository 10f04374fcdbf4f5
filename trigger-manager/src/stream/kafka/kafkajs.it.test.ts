import { exerciseStream } from "../conformance/exercise.ts";
import { kafkaOfFile } from "../conformance/kafka-under-test.ts";

// The client that is not the default (docs/decisions/0014-kafka-client.md), and therefore not in every run.
const kafka = kafkaOfFile();

exerciseStream("a stream from Kafka by kafkajs", { restarts: true, sharesGroups: false }, () =>
  kafka().with("kafkajs"),
);
