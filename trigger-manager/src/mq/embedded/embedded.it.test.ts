import { systemClock } from "@hanzo-fn/lifecycle";
import { recordingLog } from "@hanzo-fn/testkit";
import { exerciseMqSource } from "../conformance.ts";
import { exerciseMqConsumers } from "../conformance-consumers.ts";
import { exerciseMqFaults } from "../conformance-faults.ts";
import { type MqSurroundings, type MqUnderTest, STREAM } from "../conformance-bench.ts";
import { createEmbeddedMqBroker, EMBEDDED_STREAM } from "./broker.ts";

async function setup({ store, database, kind, ackWaitMs }: MqSurroundings): Promise<MqUnderTest> {
  const stream = { ...EMBEDDED_STREAM, retention: kind };
  const add = () => store.mq.ensureStream(stream);
  await add();
  return {
    connect: (of) =>
      createEmbeddedMqBroker({ store: of, clock: systemClock, log: recordingLog() }, { stream, ackWaitMs }),
    async addConsumer(name, subject) {
      const { id: streamId } = await add();
      const consumer = {
        streamId,
        name,
        subject,
        description: "",
        pattern: null,
        maxAckPending: 10,
        position: 0,
      };
      await store.mq.addConsumer(consumer);
    },
    removeConsumer: (name) => store.mq.removeConsumer(STREAM, name),
    async hasConsumer(name) {
      const { id } = await add();
      return (await store.mq.consumersOf(id)).some((consumer) => consumer.name === name);
    },
    removeStream: () => database.run("delete from mq_streams"),
    addStream: async () => void (await add()),
    crash: () => database.disconnectAll(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

exerciseMqSource("the embedded broker", setup);
exerciseMqConsumers("the embedded broker", setup);
exerciseMqFaults("the embedded broker", setup);
