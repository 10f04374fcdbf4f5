import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { configKeys } from "./registry.ts";

const ROOT = path.resolve(import.meta.dirname, "../../../..");
const OWN = path.resolve(import.meta.dirname);

function sources(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const full = path.join(directory, entry.name);
    if (entry.isDirectory())
      return ["node_modules", "fixtures"].includes(entry.name) || full === OWN ? [] : sources(full);
    return entry.name.endsWith(".ts") && !entry.name.endsWith(".test.ts") ? [readFileSync(full, "utf8")] : [];
  });
}

const code = ["cli", "control-plane", "invoke-proxy", "packages"]
  .flatMap((folder) => sources(path.join(ROOT, folder)))
  .map((text) => text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, ""));

/**
 * Others have options and limits of the same names; only who takes the contract's Config, alone or among the
 * parts of `serve`, reads a key of it.
 */
const readers = code.filter((text) =>
  /\bConfig\b[^;]*from "@hanzo-fn\/contract"|\bParts\b[^;]*from "\.\/parts\.ts"/.test(text),
);

/**
 * `config.limits.queueDepth`, `limits.queueDepth`, or `const { queueDepth } = config.limits`; a section that is
 * handed on whole counts as read where its key is.
 */
function isRead(typedPath: string): boolean {
  const parts = typedPath.split(".");
  const [leaf = "", section = "config", above = "config"] = [parts.at(-1), parts.at(-2), parts.at(-3)];
  const dotted = new RegExp(`\\b${section}\\??\\.${leaf}\\b`);
  const taken = new RegExp(`\\{[^{}]*\\b${leaf}\\b[^{}]*\\}(\\s*=\\s*[\\w.]*\\b${section}\\b|: Config\\b)`);
  if (readers.some((text) => dotted.test(text) || taken.test(text))) return true;
  const whole = new RegExp(`\\b${above}\\.${section}(?![.\\w])|\\b${section}: \\w+[^{}]*\\} = config\\b`);
  const used = new RegExp(`\\.${leaf}\\b|\\{[^{}()]*\\b${leaf}\\b[^{}()]*\\} = `);
  return parts.length > 1 && readers.some((text) => whole.test(text)) && code.some((text) => used.test(text));
}

describe("every configuration key", () => {
  it("has a path, a typed path and variables of its own", () => {
    const keys = configKeys();
    expect(new Set(keys.map((key) => key.path)).size).toBe(keys.length);
    expect(new Set(keys.map((key) => key.env[0])).size).toBe(keys.length);
    const known = keys.flatMap((key) => key.env.slice(1));
    expect(new Set(known).size).toBe(known.length);
  });

  it("is documented", () => {
    expect(configKeys().filter((key) => key.entry.description.length < 8)).toEqual([]);
  });

  it.each(
    configKeys()
      .filter((key) => key.effective)
      .map((key) => [key.path, key.typedPath]),
  )("%s is read by some code", (_, typedPath) => {
    expect(isRead(typedPath)).toBe(true);
  });

  it("is not taken for read where nothing reads it", () => {
    expect(isRead("limits.noSuchKeyAnywhere")).toBe(false);
  });
});
