import { describe } from "vitest";
import type { Language } from "../languages.ts";
import { answersSuite } from "./answers.ts";
import { bootSuite } from "./boot.ts";
import { cancelSuite } from "./cancel.ts";
import { endSuite } from "./end.ts";
import { faultsSuite } from "./faults.ts";
import { logsSuite } from "./logs.ts";
import { requestSuite } from "./request.ts";
import { bodiesSuite } from "./bodies.ts";
import { eventsSuite } from "./events.ts";
import { socketSuite } from "./socket.ts";
import { gatewaySuite } from "./gateway.ts";
import { sizesSuite } from "./sizes.ts";
import { harmSuite } from "./harm.ts";
import { specialiseSuite } from "./specialise.ts";
import { streamsSuite } from "./streams.ts";

const SUITES: ReadonlyArray<(language: Language) => void> = [
  bootSuite,
  specialiseSuite,
  requestSuite,
  answersSuite,
  streamsSuite,
  bodiesSuite,
  eventsSuite,
  socketSuite,
  gatewaySuite,
  sizesSuite,
  faultsSuite,
  cancelSuite,
  logsSuite,
  harmSuite,
  endSuite,
];

/** The whole suite for one language. */
export function conformance(language: Language): void {
  describe(language.name, () => {
    for (const suite of SUITES) suite(language);
  });
}
