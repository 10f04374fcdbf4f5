import { describe, it } from "vitest";
import type { Language } from "../languages.ts";

/** `describe` for one language; where it cannot run here, one skipped test that says why. */
export function suite(language: Language, name: string, body: () => void): void {
  const { absent } = language;
  if (absent === undefined) describe(name, body);
  else describe(name, () => it("needs the language", (ctx) => ctx.skip(absent)));
}
