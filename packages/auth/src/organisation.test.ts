import { describe, expect, it } from "vitest";
import { effectiveOrganisation } from "./organisation.ts";

describe("effectiveOrganisation", () => {
  const orgs = [
    { org: "hanzo", role: "member" },
    { org: "zoo", role: "admin" },
  ];

  it("takes the first organisation without a selector", () => {
    expect(effectiveOrganisation({ orgs, owner: "app" }, undefined, true)).toBe("hanzo");
  });
  it("takes the selected organisation where it is verbatim one of the token's", () => {
    expect(effectiveOrganisation({ orgs }, "zoo", true)).toBe("zoo");
  });
  it("ignores a selector that the token does not carry, and compares case-sensitively", () => {
    expect(effectiveOrganisation({ orgs }, "evil", true)).toBe("hanzo");
    expect(effectiveOrganisation({ orgs }, "Zoo", true)).toBe("hanzo");
  });
  it("falls back to owner, then organization, only where the switch is on", () => {
    expect(effectiveOrganisation({ owner: "o", organization: "p" }, undefined, true)).toBe("o");
    expect(effectiveOrganisation({ organization: "p" }, undefined, true)).toBe("p");
    expect(effectiveOrganisation({ owner: "o" }, undefined, false)).toBeUndefined();
  });
  it("has no default: an empty orgs claim gives none although an owner is there", () => {
    expect(effectiveOrganisation({ orgs: [], owner: "o" }, undefined, true)).toBeUndefined();
    expect(effectiveOrganisation({ orgs: "x", owner: "o" }, undefined, true)).toBeUndefined();
    expect(effectiveOrganisation({}, "o", true)).toBeUndefined();
  });
  it("refuses names that could leave a directory or a key", () => {
    expect(effectiveOrganisation({ owner: "../etc" }, undefined, true)).toBeUndefined();
    expect(effectiveOrganisation({ orgs: [{ org: "a/b" }, { org: "c" }] }, undefined, true)).toBe("c");
  });
});
