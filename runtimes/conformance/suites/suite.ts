import { describe, it, type TestContext } from "vitest";
import type { Language, LanguageName } from "../languages.ts";

/** `describe` for one language; where it cannot run here, one skipped test that says why. */
export function suite(language: Language, name: string, body: () => void): void {
  const { absent } = language;
  if (absent === undefined) describe(name, body);
  else describe(name, () => it("needs the language", (ctx) => ctx.skip(absent)));
}

interface Absence {
  readonly languages: readonly LanguageName[];
  readonly reason: string;
}

/** Section 12 of the runtime contract: the only cases that a language may lack. */
export const ABSENT = {
  generic: {
    languages: ["go", "rust"],
    reason: "compiled code is loaded by starting the process; the builder reports what does not compile",
  },
  busyCancel: {
    languages: ["typescript", "go", "rust"],
    reason:
      "a goroutine, a future or an event loop that never yields cannot be stopped from outside (section 4)",
  },
  printedRequestId: {
    languages: ["go", "rust"],
    reason: "the language has no place to hang it; ctx.log carries it",
  },
  threadsAndPatches: { languages: ["go", "rust"], reason: "the language has neither" },
  promises: {
    languages: ["python", "go", "rust"],
    reason: "a rejection that nobody handles is TypeScript's alone",
  },
} as const satisfies Record<string, Absence>;

/** A case that some languages lack: skipped there with the contract's reason. */
export function itUnless(
  language: Language,
  absence: Absence,
  name: string,
  body: (ctx: TestContext) => Promise<void>,
): void {
  if (!absence.languages.includes(language.name)) it(name, body);
  else it(name, (ctx) => ctx.skip(`absent by the runtime contract: ${absence.reason}`));
}
