import { parseManifest, RUNTIMES } from "@hanzo-fn/contract";
import { describe, expect, test } from "vitest";
import { allTemplates, readTemplate, templateNames } from "./templates.ts";

const TEMPLATES = ["http", "cron", "inference", "llm-stream", "model", "queue", "stream", "webhook"];
const values = { name: "my-function", schema: ".hanzo/function.schema.json" };

test("every language has every template, the default first", async () => {
  for (const runtime of RUNTIMES) expect(await templateNames(runtime)).toEqual(TEMPLATES);
  expect(await allTemplates()).toContain(`rust: ${TEMPLATES.join(", ")}`);
});

describe.each(RUNTIMES)("templates of %s", (runtime) => {
  test.each(TEMPLATES)("%s is a valid function with nothing left to fill in", async (template) => {
    const files = await readTemplate(runtime, template, values);
    const paths = files.map(({ path }) => path);
    expect(paths).toEqual(
      expect.arrayContaining([
        ".env.example",
        ".fnignore",
        ".gitignore",
        "README.md",
        "example.json",
        "function.yaml",
      ]),
    );
    expect(files.filter(({ text }) => text.trim() === "").map(({ path }) => path)).toEqual([]);
    for (const { path, text } of files)
      expect([path, text]).toEqual([path, expect.not.stringMatching(/\{\{(?:\w+|entry \w+)\}\}/)]);
    const text = files.find(({ path }) => path === "function.yaml")?.text ?? "";
    expect(text).toMatch(/^# yaml-language-server: \$schema=\.hanzo\/function\.schema\.json\n/);
    const result = parseManifest(text);
    expect(result).toMatchObject({ ok: true, manifest: { name: "my-function", runtime } });
    const samples = JSON.parse(files.find(({ path }) => path === "example.json")?.text ?? "") as object;
    const types = result.ok ? result.manifest.triggers.map(({ type }) => type) : [];
    expect(Object.keys(samples)).toEqual(types);
    const readme = files.find(({ path }) => path === "README.md")?.text ?? "";
    expect(readme.trimEnd().split("\n")).toHaveLength(3);
  });
});
