import { describe, expect, test } from "vitest";
import { mayPass } from "./reach.ts";
import { parsePasswd } from "./user.ts";

describe("a folder", () => {
  const user = { uid: 101, gid: 104 };
  test.each([
    ["its owner may pass", { mode: 0o40100, uid: 101, gid: 0 }, true],
    ["its owner may not pass, even where everybody else may", { mode: 0o40011, uid: 101, gid: 0 }, false],
    ["its group may pass", { mode: 0o40710, uid: 0, gid: 104 }, true],
    ["its group may not pass, even where everybody else may", { mode: 0o40701, uid: 0, gid: 104 }, false],
    ["others may pass", { mode: 0o40701, uid: 0, gid: 0 }, true],
    ["others may not pass", { mode: 0o40700, uid: 0, gid: 0 }, false],
    ["others may read but not pass", { mode: 0o40704, uid: 0, gid: 0 }, false],
  ])("that %s", (_, folder, expected) => {
    expect(mayPass(folder, user)).toBe(expected);
  });
});

test("users are read from passwd, comments and broken lines left out", () => {
  const text =
    "root:x:0:0:root:/root:/bin/sh\n# note\nbroken\npostgres:x:101:104::/var/lib/postgresql:/bin/sh\nx:x:a:b::\n";
  expect(parsePasswd(text)).toEqual([
    { name: "root", uid: 0, gid: 0 },
    { name: "postgres", uid: 101, gid: 104 },
  ]);
});
