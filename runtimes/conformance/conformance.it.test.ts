import { describe } from "vitest";
import { languages } from "./languages.ts";
import { answersSuite } from "./suites/answers.ts";
import { bootSuite } from "./suites/boot.ts";
import { cancelSuite } from "./suites/cancel.ts";
import { endSuite } from "./suites/end.ts";
import { faultsSuite } from "./suites/faults.ts";
import { logsSuite } from "./suites/logs.ts";
import { requestSuite } from "./suites/request.ts";
import { streamsSuite } from "./suites/streams.ts";

for (const language of languages) {
  describe(language.name, () => {
    bootSuite(language);
    requestSuite(language);
    answersSuite(language);
    streamsSuite(language);
    faultsSuite(language);
    cancelSuite(language);
    logsSuite(language);
    endSuite(language);
  });
}
