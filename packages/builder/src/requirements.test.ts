import { describe, expect, it } from "vitest";
import { readRequirements } from "./requirements.ts";

const read = (files: Record<string, string>) =>
  readRequirements("requirements.txt", async (path) => files[path]);

describe("readRequirements", () => {
  it("keeps requirements, hashes and registry options, and drops comments", async () => {
    const text = `# top\n-i https://r/simple\nsix==1.17.0 \\\n  --hash=sha256:ab\n\nidna ; python_version < "4" # why\n`;
    const { lines, problems } = await read({ "requirements.txt": text });
    expect(problems).toEqual([]);
    expect(lines.map((line) => line.replaceAll(/\s+/g, " "))).toEqual([
      "-i https://r/simple",
      "six==1.17.0 --hash=sha256:ab",
      'idna ; python_version < "4"',
    ]);
  });
  it("takes included files in, wherever in the source they are", async () => {
    const files = {
      "requirements.txt": "-r reqs/base.txt\nb",
      "reqs/base.txt": "-r ./more.txt",
      "reqs/more.txt": "a",
    };
    expect(await read(files)).toEqual({ lines: ["a", "b"], problems: [] });
  });
  it.each([
    "-r ../../secrets.key",
    "-r /etc/passwd",
    "-e .",
    "./wheels/x.whl",
    "/opt/x.whl",
    "x @ file:///etc/passwd",
    "--find-links /opt",
    "-c constraints.txt",
    "--target /usr",
  ])("refuses %s with file and line", async (line) => {
    const { lines, problems } = await read({ "requirements.txt": `six\n${line}\n` });
    expect(lines).toEqual(["six"]);
    expect(problems).toMatchObject([{ path: "requirements.txt", line: 2 }]);
  });
  it("names an included file that is not there, and ends a circle", async () => {
    expect((await read({ "requirements.txt": "-r gone.txt" })).problems).toMatchObject([
      { path: "gone.txt" },
    ]);
    expect((await read({ "requirements.txt": "-r requirements.txt" })).problems).toHaveLength(1);
  });
  it("leaves out the SDK, which the runtime brings", async () => {
    expect(
      (await read({ "requirements.txt": "hanzo-functions>=0.1\nhanzo.functions-extra\nHanzo_Functions" }))
        .lines,
    ).toEqual(["hanzo.functions-extra"]);
  });
});
