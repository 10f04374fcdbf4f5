import { expect, it } from "vitest";
import { answeredUrl, isPlainHost, registryUrl } from "./address.ts";
import { digestReference, parseReference } from "./reference.ts";

const DIGEST = `sha256:${"a".repeat(64)}`;

it("a reference has a host, a repository, and a tag, a digest or both", () => {
  expect(parseReference("ghcr.io/hanzoai/fn-python:3.12")).toEqual({
    host: "ghcr.io",
    repository: "hanzoai/fn-python",
    tag: "3.12",
    digest: undefined,
  });
  expect(parseReference(`localhost:5000/a@${DIGEST}`)).toMatchObject({
    host: "localhost:5000",
    repository: "a",
    digest: DIGEST,
  });
  expect(parseReference(`[::1]:5000/a/b__c:v1@${DIGEST}`)).toMatchObject({ host: "[::1]:5000", tag: "v1" });
  expect(digestReference("h:1", "a/b", DIGEST)).toBe(`h:1/a/b@${DIGEST}`);
});

it.each([
  ["python:3.12", "it names no registry"],
  ["hanzoai/fn-python:3.12", "it names no registry"],
  ["ghcr.io/Hanzo/fn:1", "no name of a repository"],
  ["ghcr.io/a//b:1", "no name of a repository"],
  ["ghcr.io/../b:1", "no name of a repository"],
  ["ghcr.io/a:b/c:1", "no name of a repository|no tag"],
  ["ghcr.io/a", "neither a tag nor a digest"],
  ["ghcr.io/a:", "no tag"],
  ["ghcr.io/a@sha256:abc", "no sha256 digest"],
  [`ghcr.io/a@${DIGEST}@${DIGEST}`, "no sha256 digest"],
  ["ghcr..io?x/a:1", "no host|names no registry"],
])("%s is no reference: %s", (text, why) => {
  expect(() => parseReference(text)).toThrow(new RegExp(why));
});

it("only this machine and *.local are reached without TLS, unless it is said", () => {
  for (const host of ["localhost:5000", "127.0.0.1:5000", "[::1]:5000", "registry.local", "a.localhost"])
    expect(isPlainHost(host)).toBe(true);
  for (const host of ["ghcr.io", "10.0.0.1:5000", "127.0.0.1.example.com", "local", "local.example.com"])
    expect(isPlainHost(host)).toBe(false);
  expect(registryUrl("ghcr.io", false).href).toBe("https://ghcr.io/");
  expect(registryUrl("10.0.0.1:5000", true).href).toBe("http://10.0.0.1:5000/");
  expect(registryUrl("docker.io", false).href).toBe("https://registry-1.docker.io/");
});

it("an address that a registry answers with may be relative, and may not leave TLS", () => {
  const base = new URL("https://registry.example.com/");
  expect(answeredUrl("/v2/a?x=1", base).href).toBe("https://registry.example.com/v2/a?x=1");
  expect(answeredUrl("https://storage.example.com/b", base).host).toBe("storage.example.com");
  expect(() => answeredUrl("http://registry.example.com/v2/a", base)).toThrow(/without TLS/);
  expect(() => answeredUrl("file:///etc/passwd", base)).toThrow(/no URL/);
});
