import { describe, expect, it } from "vitest";
import {
  gatewaySecretName,
  nameProblem,
  namespaceOf,
  orgLabel,
  ownName,
  revisionNumber,
  secretKey,
} from "./names.ts";

const SETTINGS = { namespace: "hanzo-functions", homeOrg: "hanzo" };
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** Names that want to meet: by case, by characters that labels lack, by length, by looking like the other form. */
function organisations(): string[] {
  const plain = [
    "acme",
    "Acme",
    "ACME",
    "a.c",
    "a_c",
    "a-c",
    "a--c",
    "a-",
    "a.",
    "a_",
    "0",
    "00",
    "hanzo",
    "Hanzo",
  ];
  const long = ["x".repeat(47), "x".repeat(48), "x".repeat(63), "x".repeat(128), `${"x".repeat(127)}y`];
  const all = [...plain, ...long];
  const forged = all
    .map((org) => namespaceOf(org, SETTINGS).slice("hanzo-functions-".length))
    .filter(Boolean);
  return [...new Set([...all, ...forged])];
}

describe("the namespace of an organisation", () => {
  it("is the prefix itself for the home organisation, and readable for the others", () => {
    expect(namespaceOf("hanzo", SETTINGS)).toBe("hanzo-functions");
    expect(namespaceOf("acme", SETTINGS)).toBe("hanzo-functions-acme");
    expect(namespaceOf("Acme.Labs", SETTINGS)).toMatch(/^hanzo-functions-acme-labs--[a-z2-7]{26}$/);
  });

  it("is a label, and no two organisations share one", () => {
    const orgs = organisations();
    const names = orgs.map((org) => namespaceOf(org, SETTINGS));
    expect(names.filter((name) => !LABEL.test(name))).toEqual([]);
    expect(new Set(names).size).toBe(orgs.length);
    expect(orgs.length).toBeGreaterThan(25);
  });

  it("is a label with the longest prefix that the configuration takes", () => {
    const settings = { namespace: "p".repeat(28), homeOrg: "hanzo" };
    const names = organisations().map((org) => namespaceOf(org, settings));
    expect(names.filter((name) => !LABEL.test(name))).toEqual([]);
    expect(new Set(names).size).toBe(names.length);
  });

  it("has a label value of its own for each organisation", () => {
    const labels = organisations().map(orgLabel);
    expect(labels.filter((label) => !/^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/.test(label))).toEqual(
      [],
    );
    expect(new Set(labels).size).toBe(labels.length);
  });
});

describe("the name of a function", () => {
  it.each(["embed", "a", "r2-upload", "job-20240101", `a${"b".repeat(39)}`])("%s can be used", (name) => {
    expect(nameProblem(name)).toBeUndefined();
  });

  it.each([
    [`a${"b".repeat(40)}`, "it has 41 characters, and pods and hosts made from it leave room for 40"],
    ["Embed", "it must be lower-case letters, digits and hyphens, beginning with a letter (DNS-1035)"],
    ["9embed", "it must be lower-case letters, digits and hyphens, beginning with a letter (DNS-1035)"],
    ["embed-00003", "revisions of a function named embed are named so"],
    ["embed-00003-private", "revisions of a function named embed are named so"],
    ["rev3-embed", "tagged revisions of other functions are named so"],
  ])("%s cannot, and the reason is given with what to do", (name, rule) => {
    const problem = nameProblem(name);
    expect(problem?.message).toBe(`the function name ${name} cannot be used on Kubernetes: ${rule}`);
    expect(problem).toMatchObject({ code: "unsupported", component: "engine/knative" });
    expect(problem?.next).toContain("name in function.yaml");
  });

  it("leaves room for what Kubernetes adds to it at the limit", () => {
    const name = "a".repeat(40);
    expect(`${name}-99999-deployment`.length).toBeLessThanOrEqual(63);
    expect(`rev99999-${name}`.length).toBeLessThanOrEqual(63);
  });

  it("never gives a revision's Secret the name of a function's", () => {
    expect(ownName("x-00001.gateway".replace(".", "-"))).not.toBe(gatewaySecretName("fn-x-00001"));
    expect(gatewaySecretName("embed-00001")).toContain(".");
  });

  it("tells our revisions from those that somebody else named", () => {
    expect(revisionNumber("embed", "embed-00012")).toBe(12);
    expect(revisionNumber("embed", "embed-123456")).toBe(123_456);
    expect(
      ["embed-blue", "other-00012", "embed-012", "embed-00012-x"].map((name) =>
        revisionNumber("embed", name),
      ),
    ).toEqual(Array.from({ length: 4 }, () => undefined));
  });
});

describe("the key of a secret", () => {
  it("is its name where it can be, and no two names share one", () => {
    const names = [
      "db",
      "db_url",
      "a/b",
      "a_b",
      "a.b",
      "a__b",
      "a_/b",
      "a/_b",
      "_-",
      "a//b",
      "a/-b",
      `${"a/".repeat(126)}b`,
      `${"a/".repeat(126)}c`,
    ];
    const keys = names.map(secretKey);
    expect(keys.filter((key) => !/^[-._a-zA-Z0-9]{1,253}$/.test(key))).toEqual([]);
    expect(new Set(keys).size).toBe(names.length);
    expect(secretKey("hanzo-api-key")).toBe("hanzo-api-key");
  });
});
