import { describe, expect, it } from "vitest";
import { generateGoMod, generateMain, vendoredModules } from "./generate.ts";
import type { GoPackage } from "./source.ts";

const PACKAGE: GoPackage = { dir: "", name: "main", exported: [], main: undefined, usesC: false };

describe("generateMain", () => {
  it("stands inside a package main, which nothing can import", () => {
    const main = generateMain("function", PACKAGE, "Classify", false);
    expect([main.file, main.target]).toEqual(["hanzo_fn_main.go", "."]);
    expect(main.text).toContain("func main() { hanzoFnServer.Main(Classify) }");
    expect(generateMain("m", { ...PACKAGE, dir: "cmd" }, "F", false)).toMatchObject({
      file: "cmd/hanzo_fn_main.go",
      target: "./cmd",
    });
  });

  it("imports every other package, and the models' loader where it is needed", () => {
    const main = generateMain("example.com/m", { ...PACKAGE, dir: "api/v1", name: "v1" }, "Greet", true);
    expect([main.file, main.target]).toEqual(["hanzo_fn_main/main.go", "./hanzo_fn_main"]);
    expect(main.text).toContain(`hanzoFnHandler "example.com/m/api/v1"`);
    expect(main.text).toContain(`_ "github.com/hanzoai/functions/sdk/onnx"`);
    expect(main.text).toContain("hanzoFnServer.Main(hanzoFnHandler.Greet)");
  });
});

describe("generateGoMod", () => {
  it("requires what is pre-installed, sorted", () => {
    expect(generateGoMod("1.26", new Map())).toBe("module function\n\ngo 1.26\n");
    expect(
      generateGoMod(
        "1.22",
        new Map([
          ["b.org/b", "v2.0.0"],
          ["a.org/a", "v1.0.0"],
        ]),
      ),
    ).toBe("module function\n\ngo 1.22\n\nrequire (\n\ta.org/a v1.0.0\n\tb.org/b v2.0.0\n)\n");
  });
});

describe("vendoredModules", () => {
  it("enters the SDK, in the place of one that is there", () => {
    const sdk = {
      version: "v0.0.0",
      dir: "/sdk",
      go: "1.22",
      packages: ["github.com/hanzoai/functions/sdk"],
    };
    const before =
      "# a.org/a v1.0.0\n## explicit\na.org/a\n# github.com/hanzoai/functions/sdk v0.1.0\n## explicit\ngithub.com/hanzoai/functions/sdk\n# b.org/b v1.0.0\nb.org/b\n";
    expect(vendoredModules(before, sdk)).toBe(
      "# a.org/a v1.0.0\n## explicit\na.org/a\n# b.org/b v1.0.0\nb.org/b\n" +
        "# github.com/hanzoai/functions/sdk v0.0.0 => /sdk\n## explicit; go 1.22\ngithub.com/hanzoai/functions/sdk\n" +
        "# github.com/hanzoai/functions/sdk => /sdk\n",
    );
  });
});
