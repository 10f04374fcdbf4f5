import { describe, expect, it } from "vitest";
import { ownerOf, requireAccess } from "./access.ts";

const RULES = {
  bucket: "hanzo-functions",
  organisations: () => Promise.resolve(new Set(["acme", "acme-labs", "hanzo"])),
};

async function may(org: string, where: string, wanted: "read" | "write"): Promise<boolean> {
  const [bucket = "", ...key] = where.split("/");
  const place = { bucket, key: key.join("/"), relative: false };
  return requireAccess(place, { org, function: "f" }, wanted, RULES).then(
    () => true,
    (error: unknown) => {
      expect(error).toMatchObject({ code: "forbidden" });
      return false;
    },
  );
}

describe("a function may", () => {
  it.each([
    ["acme", "hanzo-functions/data/acme/f/a"],
    ["acme", "hanzo-functions/data/acme/f/"],
    ["acme", "acme-in/a"],
    ["acme", "acme-lab/a"],
    ["acme-labs", "acme-labs-in/a"],
    ["new", "new-in/a"],
    ["hanzo", "hanzo-uploads/a"],
  ])("as %s read and write %s", async (org, where) => {
    expect([await may(org, where, "read"), await may(org, where, "write")]).toEqual([true, true]);
  });

  it.each([
    ["acme", "hanzo-models/bge/config.json"],
    ["acme", "hanzo-models/zen/"],
    ["acme", "hanzo-models/fine-tuned/acme/m/a"],
    ["hanzo", "hanzo-models/bge/config.json"],
  ])("as %s only read %s", async (org, where) => {
    expect([await may(org, where, "read"), await may(org, where, "write")]).toEqual([true, false]);
  });

  it.each([
    ["acme", "hanzo-functions/data/acme/f2/a"],
    ["acme", "hanzo-functions/data/acme/f"],
    ["acme", "hanzo-functions/data/other/f/a"],
    ["acme", "hanzo-functions/source/acme/x"],
    ["acme", "hanzo-functions/"],
    ["hanzo", "hanzo-functions/source/acme/x"],
    ["hanzo", "hanzo-functions/"],
    ["acme", "acme-labs-in/a"],
    ["acme-labs", "acme-in/a"],
    ["acme", "acme/a"],
    ["acme", "acm-in/a"],
    ["acme", "other-in/a"],
    ["acme", "hanzo-uploads/acme/a"],
    ["acme", "hanzo-models/fine-tuned/other/m/a"],
    ["acme", "hanzo-models/fine-tuned/"],
    ["acme", "hanzo-models/"],
  ])("as %s neither read nor write %s", async (org, where) => {
    expect([await may(org, where, "read"), await may(org, where, "write")]).toEqual([false, false]);
  });
});

it("a bucket belongs to the organisation with the longest name that begins it", () => {
  expect(ownerOf("a-b-c", ["a", "a-b"])).toBe("a-b");
  expect(ownerOf("a-b-c", ["a-b", "a"])).toBe("a-b");
  expect(ownerOf("a-bc", ["a", "a-b"])).toBe("a");
  expect(ownerOf("b-a", ["a"])).toBeUndefined();
});
