import { PERMISSIONS, PlatformError, type Identity } from "@hanzo-fn/contract";
import { describe, expect, it } from "vitest";
import { grantedPermissions, requirePermission } from "./permissions.ts";

const granted = (claims: Record<string, unknown>, org = "hanzo"): string[] =>
  [...grantedPermissions(claims, org)].sort();
const allow = { owner: "hanzo", isEnabled: true, effect: "Allow", resources: ["functions"] };
const all = [...PERMISSIONS].sort();

describe("grantedPermissions", () => {
  it("grants nothing to a token without any", () => {
    expect(granted({ scope: "openid profile" })).toEqual([]);
  });
  it("reads scope, permission strings and permissionNames", () => {
    expect(granted({ scope: "openid functions:read" })).toEqual(["functions:read"]);
    expect(granted({ permissions: ["functions:deploy", "other"] })).toEqual(["functions:deploy"]);
    expect(granted({ permissionNames: ["functions:invoke"] })).toEqual(["functions:invoke"]);
    expect(granted({ permissions: ["functions:*"] })).toEqual(all);
  });
  it("reads permission objects by name, and by resources with actions", () => {
    expect(granted({ permissions: [{ ...allow, resources: [], name: "functions:deploy" }] })).toEqual([
      "functions:deploy",
    ]);
    expect(granted({ permissions: [{ ...allow, name: "x", actions: ["Deploy"] }] })).toEqual([
      "functions:deploy",
    ]);
    expect(granted({ permissions: [{ ...allow, name: "x", actions: ["Write"] }] })).toEqual([
      "functions:deploy",
      "functions:invoke",
      "functions:publish",
    ]);
    expect(granted({ permissions: [{ ...allow, resources: ["*"], actions: ["Admin"] }] })).toEqual(all);
    expect(granted({ permissions: [{ ...allow, resources: ["other"], actions: ["Admin"] }] })).toEqual([]);
  });
  it.each([
    ["disabled", { isEnabled: false }],
    ["of another organisation", { owner: "zoo" }],
    ["without an effect", { effect: undefined }],
  ])("ignores a permission object that is %s", (_what, change) => {
    expect(granted({ permissions: [{ ...allow, name: "functions:read", ...change }] })).toEqual([]);
  });
  it("lets a denial beat every kind of grant", () => {
    const deny = { ...allow, effect: "Deny", name: "functions:deploy" };
    expect(
      granted({ isAdmin: true, owner: "hanzo", scope: "functions:deploy", permissions: [deny] }),
    ).not.toContain("functions:deploy");
    expect(granted({ orgs: [{ org: "hanzo", role: "owner" }], permissions: [deny] })).not.toContain(
      "functions:deploy",
    );
  });
  it("maps the role within the effective organisation only", () => {
    const orgs = [
      { org: "hanzo", role: "member" },
      { org: "zoo", role: "owner" },
    ];
    expect(granted({ orgs })).toEqual(["functions:invoke", "functions:read"]);
    expect(granted({ orgs }, "zoo")).toEqual(all);
    expect(granted({ orgs: [{ org: "hanzo", role: "constructor" }] })).toEqual([]);
  });
  it("uses the configured map of roles", () => {
    const orgs = [{ org: "hanzo", role: "dev" }];
    expect([...grantedPermissions({ orgs }, "hanzo", { dev: ["functions:deploy"] })]).toEqual([
      "functions:deploy",
    ]);
  });
  it("honours isAdmin for the owner's organisation of a gen-1 token only", () => {
    expect(granted({ isAdmin: true, owner: "hanzo" })).toEqual(all);
    expect(granted({ isAdmin: "true", owner: "hanzo" })).toEqual([]);
    expect(granted({ isAdmin: true, owner: "app" })).toEqual([]);
    expect(granted({ isAdmin: true, owner: "hanzo", orgs: [{ org: "hanzo", role: "" }] })).toEqual([]);
  });
});

const codeOf = (run: () => void): string => {
  try {
    run();
  } catch (error) {
    return (error as PlatformError).code;
  }
  return "allowed";
};

describe("requirePermission", () => {
  const identity: Identity = {
    kind: "user",
    org: "hanzo",
    subject: "z",
    limitKey: "sub:hanzo/z",
    permissions: new Set(["functions:read"] as const),
    expiresAtMs: 0,
  };
  it("tells a missing identity from a missing permission", () => {
    expect(codeOf(() => requirePermission(undefined, "functions:read"))).toBe("unauthorized");
    expect(codeOf(() => requirePermission({ ...identity, kind: "anonymous" }, "functions:read"))).toBe(
      "unauthorized",
    );
    expect(codeOf(() => requirePermission(identity, "functions:deploy"))).toBe("forbidden");
    expect(codeOf(() => requirePermission(identity, "functions:read"))).toBe("allowed");
  });
});
