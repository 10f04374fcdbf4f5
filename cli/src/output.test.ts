import { describe, expect, it } from "vitest";
import { age, bytes, createOutput, type Format, printFields, printTable } from "./output.ts";

function recorded(format: Format = "table", quiet = false, isTTY = false) {
  const written = { stdout: "", stderr: "" };
  const stream = (name: "stdout" | "stderr") => ({
    isTTY,
    write: (chunk: string | Uint8Array) => (written[name] += Buffer.from(chunk).toString("utf8")),
  });
  return { written, output: createOutput(stream("stdout"), stream("stderr"), { format, quiet }) };
}

const ROWS = [
  { name: "a-long-name", state: "ready", note: "" },
  { name: "b", state: "no", note: "x" },
];
const COLUMNS = [
  { title: "NAME", value: (row: (typeof ROWS)[0]) => row.name },
  { title: "STATE", value: (row: (typeof ROWS)[0]) => row.state, wide: true },
  { title: "NOTE", value: (row: (typeof ROWS)[0]) => row.note },
];

describe("output", () => {
  it.each([
    ["json", '{\n  "a": [\n    1\n  ]\n}\n'],
    ["yaml", "a:\n  - 1\n"],
    ["name", "one\ntwo\n"],
    ["table", "for people\n"],
    ["wide", "for people\n"],
  ] as const)("prints a result as %s", async (format, expected) => {
    const { written, output } = recorded(format);
    await output.result(
      { a: [1] },
      () => output.line("for people"),
      () => ["one", "two"],
    );
    expect(written).toEqual({ stdout: expected, stderr: "" });
  });

  it("keeps notes off stdout, and away altogether when quiet; problems always show", () => {
    const loud = recorded();
    loud.output.note("note");
    expect(loud.written).toEqual({ stdout: "", stderr: "note\n" });
    const quiet = recorded("table", true, true);
    quiet.output.note("note");
    quiet.output.status("busy");
    quiet.output.problem("bad");
    expect(quiet.written).toEqual({ stdout: "", stderr: "bad\n" });
  });

  it("takes the living line away before anything else is printed on a terminal", () => {
    const { written, output } = recorded("table", false, true);
    output.status("busy");
    output.problem("bad");
    expect(written.stderr).toBe("busy\r\u001B[2Kbad\n");
  });

  it("shows no living line where there is no terminal", () => {
    const { written, output } = recorded();
    output.status("busy");
    expect(written.stderr).toBe("");
  });
});

describe("printFields", () => {
  it("aligns the texts behind the widest title, and leaves out what is absent", () => {
    const { written, output } = recorded();
    const fields = [
      ["A:", "1"],
      ["Longer:", undefined],
      ["B:", ""],
    ] as const;
    printFields(output, fields);
    printFields(output, fields, "  ");
    expect(written.stdout).toBe("A:      1\nB:      \nA:       1\nB:       \n");
  });
});

describe("printTable", () => {
  it("pads columns to the widest value and ends no line with spaces", () => {
    const { written, output } = recorded();
    printTable(output, COLUMNS, ROWS);
    expect(written.stdout).toBe("NAME         NOTE\na-long-name\nb            x\n");
  });

  it("shows more columns when wide, and the titles alone for no rows", () => {
    const wide = recorded("wide");
    printTable(wide.output, COLUMNS, ROWS);
    expect(wide.written.stdout.split("\n")[0]).toBe("NAME         STATE  NOTE");
    const empty = recorded();
    printTable(empty.output, COLUMNS, []);
    expect(empty.written.stdout).toBe("NAME  NOTE\n");
  });
});

it.each([
  [-5, "0s"],
  [59, "59s"],
  [60, "1m"],
  [3599, "59m"],
  [3600, "1h"],
  [86_399, "23h"],
  [86_400, "1d"],
])("an age of %d seconds is %s", (seconds, expected) => {
  expect(age("2026-01-01T00:00:00Z", Date.parse("2026-01-01T00:00:00Z") + seconds * 1000)).toBe(expected);
});

it.each([
  [0, "0 B"],
  [1023, "1023 B"],
  [1024, "1.0 KiB"],
  [1_572_864, "1.5 MiB"],
])("%d bytes are %s", (size, expected) => {
  expect(bytes(size)).toBe(expected);
});
