import { describe, expect, it } from "vitest";
import { EXIT_MEANINGS, GLOBAL_FLAGS, envName } from "./command.ts";
import { commandHelp, overviewHelp } from "./help.ts";
import { COMMANDS } from "./registry.ts";

describe.each(COMMANDS)("help of $name", ({ name, summary, load }) => {
  it("shows every flag with its environment twin, every argument and the registry's summary", async () => {
    const command = await load();
    const text = commandHelp(command);
    expect([command.name, command.summary]).toEqual([name, summary]);
    for (const flag of [...command.flags, ...GLOBAL_FLAGS]) {
      expect(text.split("\n").find((line) => line.includes(`--${flag.name}`))).toBeDefined();
      expect(text).toMatch(new RegExp(`--${flag.name}([ [].*)?  .*\\(\\$${envName(flag)}\\)$`, "m"));
    }
    for (const argument of command.args) expect(text).toContain(argument.name.toUpperCase());
  });

  it("gives no flag or short flag two meanings", async () => {
    const flags = [...(await load()).flags, ...GLOBAL_FLAGS];
    const shorts = flags.flatMap((flag) => flag.short ?? []);
    expect(new Set(shorts).size).toBe(shorts.length);
    expect(new Set(flags.map((flag) => flag.name)).size).toBe(flags.length);
  });
});

describe("the overview", () => {
  it("lists every command and every exit code", () => {
    const text = overviewHelp(COMMANDS);
    for (const { name, summary } of COMMANDS)
      expect(text).toMatch(new RegExp(`^  ${name} +${summary}$`, "m"));
    for (const [code, meaning] of EXIT_MEANINGS) {
      expect(text.split("\n").some((line) => line.trim() === `${String(code).padEnd(3)}  ${meaning}`)).toBe(
        true,
      );
    }
  });
});
