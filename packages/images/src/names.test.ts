import { expect, it } from "vitest";
import { imageTag, registryParts, repositoryOf } from "./names.ts";

it("a function's repository is named after it where a repository can be called so", () => {
  expect(repositoryOf("fns", "acme", "embed")).toBe("fns/acme/embed");
  expect(repositoryOf("", "acme.io", "to_text")).toBe("acme.io/to_text");
});

it("names that no repository can have are made readable, and no two of them meet", () => {
  const orgs = ["Acme", "acme-", "-acme", "a--cme", "ACME", "acme", "a..cme", "---"];
  const names = orgs.map((org) => repositoryOf("fns", org, "f"));
  expect(new Set(names).size).toBe(orgs.length);
  const valid = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
  for (const name of names) expect(name).toMatch(valid);
  expect(names[0]).toMatch(/^fns\/acme--[0-9a-f]{10}\/f$/);
});

it("no organisation can take the name that was made for another", () => {
  const made = repositoryOf("", "Acme", "f");
  expect(repositoryOf("", made.split("/")[0] ?? "", "f")).not.toBe(made);
});

it("a registry is a host and a path", () => {
  expect(registryParts("r.local:5000")).toEqual({ host: "r.local:5000", prefix: "" });
  expect(registryParts("r.example/a/b/")).toEqual({ host: "r.example", prefix: "a/b" });
});

it("a tag says which revision an image was made for", () => {
  expect(imageTag(3, "8f14e45fceea167a5a36dedd4bea2543")).toBe("00003-8f14e45fceea");
});
