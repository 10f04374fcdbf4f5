import { describe, expect, it } from "vitest";
import { readEvents, type ServerEvent } from "./events.ts";

const TEXT =
  ': hello\r\n\r\nevent: log\r\nid: 7\r\ndata: {"msg":"grüße 🙂"}\r\n\r\n' +
  "data: one\ndata:two\nunknown\n\nevent: ping\n\nevent: end\rdata: {}\r\r";
const EVENTS: ServerEvent[] = [
  { event: "log", id: "7", data: '{"msg":"grüße 🙂"}' },
  { event: "message", id: undefined, data: "one\ntwo" },
  { event: "end", id: undefined, data: "{}" },
];

async function read(...chunks: Uint8Array[]): Promise<ServerEvent[]> {
  async function* source() {
    yield* chunks;
  }
  const events: ServerEvent[] = [];
  for await (const event of readEvents(source())) events.push(event);
  return events;
}

describe("readEvents", () => {
  const bytes = Buffer.from(`${TEXT}data: cut`);

  it("reads the same events wherever the stream is split", async () => {
    for (let at = 0; at <= bytes.length; at++) {
      expect(await read(bytes.subarray(0, at), bytes.subarray(at)), `split at ${at}`).toEqual(EVENTS);
    }
  });

  it("reads the same events byte by byte", async () => {
    expect(await read(...Array.from(bytes, (byte) => Uint8Array.of(byte)))).toEqual(EVENTS);
  });
});
