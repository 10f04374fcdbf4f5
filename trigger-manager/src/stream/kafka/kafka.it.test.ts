import { waitFor } from "@hanzo-fn/testkit";
import { expect, test } from "vitest";
import { exerciseStream } from "../conformance/exercise.ts";
import { kafkaOfFile } from "../conformance/kafka-under-test.ts";

const kafka = kafkaOfFile();

exerciseStream("a stream from Kafka by @platformatic/kafka", { restarts: true, sharesGroups: true }, () =>
  kafka().with("platformatic"),
);

const CODECS = ["gzip", "lz4", "snappy", "zstd"] as const;

test.each(["platformatic", "kafkajs"] as const)(
  "records are read by %s however they are compressed",
  async (client) => {
    const { broker, makeTopic } = kafka().with(client);
    const topic = `codecs_${client}`;
    const place = { group: topic, topic };
    const signal = new AbortController().signal;
    await makeTopic(topic, 1);
    for (const codec of CODECS) await kafka().publishAs(topic, codec);
    await broker.ensureGroup({ ...place, startOffset: "earliest", saved: [] }, signal);
    const read: string[] = [];
    let position: number | undefined;
    const member = await broker.connect(
      place,
      {
        revoking: () => Promise.resolve(),
        assigned(partitions) {
          position = partitions.get(0)?.position;
        },
        fetched(_, { records, end }) {
          for (const { value } of records) read.push(value!.toString().slice(1).split(" ")[0]!);
          position = end;
        },
        reset() {},
        wanted: () => position,
        alive() {},
        lost() {},
      },
      signal,
    );
    await waitFor("all of them", () => (member.wake(), read.length >= CODECS.length), { timeoutMs: 60_000 });
    await member.close();
    expect(read).toEqual([...CODECS]);
  },
);
