import type { NatsConnected } from "@hanzo-fn/brokers";
import { expect, test } from "vitest";
import type { Settlement, SourceEvent } from "../../delivery/source.ts";
import { createLeases } from "./leases.ts";
import type { Delivered } from "./message.ts";
import { isOurs, nak, tell } from "./settle.ts";

function bench() {
  const leases = createLeases();
  const told: string[] = [];
  const publish = (reply: string, payload: string) => void told.push(`${reply} ${payload}`);
  const connected = { connection: { publish } } as unknown as NatsConnected;
  const event = { id: "mq:S:1" } as SourceEvent;
  leases.add(event, { reply: "r", sequence: 1, untilMs: 100 } as Delivered);
  const say = (settlement: object, nowMs: number): string[] => {
    tell(connected, leases, [{ event, ...settlement } as Settlement], nowMs);
    return told.splice(0);
  };
  return { event, leases, say };
}

test("an event is acknowledged, given back with its delay, and ended", () => {
  expect(bench().say({ kind: "ack" }, 0)).toEqual(["r +ACK"]);
  expect(bench().say({ kind: "retry", delayMs: 1.5 }, 0)).toEqual(['r -NAK {"delay":1500000}']);
  expect(bench().say({ kind: "park" }, 0)).toEqual(["r +TERM hanzo-fn: parked"]);
  expect(bench().say({ kind: "hold" }, 0)).toEqual([]);
  expect([nak(0), nak(-5)]).toEqual(["-NAK", "-NAK"]);
});

test("after its time only a success is told", () => {
  expect(bench().say({ kind: "retry", delayMs: 0 }, 100)).toEqual([]);
  expect(bench().say({ kind: "park" }, 100)).toEqual([]);
  expect(bench().say({ kind: "ack" }, 100)).toEqual(["r +ACK"]);
});

test("an event is given back once: a second word would be about somebody else's copy", () => {
  const { say, event, leases } = bench();
  expect(say({ kind: "retry", delayMs: 0 }, 0)).toEqual(["r -NAK"]);
  expect(say({ kind: "retry", delayMs: 0 }, 0)).toEqual([]);
  expect(isOurs(leases, { kind: "park", event } as Settlement, 0)).toBe(false);
});

test("that it was parked is told until it is heard", () => {
  const { say } = bench();
  expect(say({ kind: "park" }, 99)).toHaveLength(1);
  expect(say({ kind: "park" }, 200)).toHaveLength(1);
});

test("of an event that we never had nothing is told", () => {
  const { leases } = bench();
  expect(isOurs(leases, { kind: "ack", event: {} as SourceEvent } as Settlement, 0)).toBe(false);
});
