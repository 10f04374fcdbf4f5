import { describe, expect, it } from "vitest";
import { fill, table } from "./docs/table.ts";
import { generateDocs, GENERATED_FILES } from "./generate-docs.ts";

describe("the generated documentation", () => {
  it("is what the schemas make of it (else run: node scripts/generate-docs.ts)", async () => {
    expect(await generateDocs(GENERATED_FILES, true)).toEqual([]);
  });

  it("notices a file that is out of date", async () => {
    const stale = [{ path: "docs/manifest.md", generate: () => "something else" }];
    expect(await generateDocs(stale, true)).toEqual(["docs/manifest.md"]);
  });

  it("refuses a part that nothing generates", () => {
    expect(() => fill("<!-- generated: ghost -->\n<!-- end -->", {})).toThrow(
      "nothing generates the part ghost",
    );
  });

  it("escapes what would break a table", () => {
    expect(table(["a"], [["x|y\nz"]])).toContain("x\\|y z");
  });
});
