import { describe, expect, it } from "vitest";
import { adaptCargoToml, generateCargoToml, namesProfile } from "./manifest.ts";

const SDK = { path: "/sdk", models: false };
const BIN = { name: "fn-1", path: "src/hanzo_fn_main.rs" };
const HEAD = `[package]\nname = "x"\nversion = "1.0.0"\n`;

describe("generateCargoToml", () => {
  it("depends on the SDK and on what is pre-installed", () => {
    const text = generateCargoToml(SDK, new Map([["serde_json", `"1"`]]), BIN);
    expect(text).toContain(`hanzo_functions = { path = "/sdk" }\nserde_json = "1"\n`);
    expect(text).toContain(`[[bin]]\nname = "fn-1"\npath = "src/hanzo_fn_main.rs"\n`);
    expect(text).toContain("[workspace]\n");
    expect(generateCargoToml({ ...SDK, models: true }, new Map(), BIN)).toContain(`features = ["model"] }`);
  });
});

describe("adaptCargoToml", () => {
  it.each([
    ["a version", `[dependencies]\nhanzo_functions = "0.1"\nhex = "1"\n`],
    ["a path", `[dependencies]\nhex = "1"\nhanzo-functions = { path = "../sdk" }\n`],
    ["a table", `[dependencies.hanzo_functions]\nversion = "1"\n\n[dependencies]\nhex = "1"\n`],
    ["nothing, below other dependencies", `[dependencies] # ours\nhex = "1"\n`],
    ["nothing", `[features]\na = []\n`],
  ])("puts the platform's SDK in the place of %s", (_what, text) => {
    const adapted = adaptCargoToml(HEAD + text, SDK, BIN);
    expect(adapted.match(/hanzo[_-]functions/g)).toHaveLength(1);
    expect(adapted).toMatch(/hanzo_functions(?: = \{ path = "\/sdk"|\]\npath = "\/sdk")/);
    expect(adapted).not.toContain("../sdk");
    expect(adapted.trimEnd().endsWith("doc = false")).toBe(true);
    if (text.includes("hex")) expect(adapted).toContain(`hex = "1"`);
  });

  it("keeps features, and adds the one that loads models", () => {
    const text = `${HEAD}[dependencies]\nhanzo_functions = { version = "0.1", features = ["testing"] }\n`;
    expect(adaptCargoToml(text, { ...SDK, models: true }, BIN)).toContain(
      `hanzo_functions = { path = "/sdk", features = ["testing", "model"] }`,
    );
  });
});

describe("namesProfile", () => {
  it("finds a profile and its overrides", () => {
    expect(namesProfile("[profile.release]\nlto = true\n", "release")).toBe(true);
    expect(namesProfile(`[profile.release.package."*"]\n`, "release")).toBe(true);
    expect(namesProfile("[profile.dev]\n", "release")).toBe(false);
  });
});
