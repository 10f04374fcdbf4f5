import { describe, expect, it } from "vitest";
import { nameOf, parsePrefix, parseRef } from "./refs.ts";

const OWNER = { org: "acme", function: "f" };
const RULES = {
  bucket: "hanzo-functions",
  endpoints: () => ["https://storage.test", "http://127.0.0.1:8060/v1/objects"],
};
const parse = (ref: string) => parseRef(ref, OWNER, RULES);

describe("a ref", () => {
  it.each([
    ["out/a.txt", "hanzo-functions", "data/acme/f/out/a.txt"],
    ["ä b+c%20d.txt", "hanzo-functions", "data/acme/f/ä b+c%20d.txt"],
    ["a..b/...c", "hanzo-functions", "data/acme/f/a..b/...c"],
    ["data/acme/f/x", "hanzo-functions", "data/acme/f/data/acme/f/x"],
    ["s3://acme-in/a/b.wav", "acme-in", "a/b.wav"],
    ["s3://acme-in/a%2Fb", "acme-in", "a%2Fb"],
    ["S3://acme-in/a", "acme-in", "a"],
    ["https://storage.test/acme-in/a%20b/%C3%A4", "acme-in", "a b/ä"],
    ["https://storage.test/acme-in/a?X-Amz-Signature=1&X-Amz-Date=2#part", "acme-in", "a"],
    ["http://127.0.0.1:8060/v1/objects/acme-in/a?method=GET&expires=1&signature=x", "acme-in", "a"],
  ])("%s points to %s %s", (ref, bucket, key) => {
    expect(parse(ref)).toMatchObject({ bucket, key });
  });

  it.each([
    "",
    "/a",
    "a/",
    "a//b",
    "..",
    "../f2/a",
    "a/../../f2/a",
    "a/..",
    "./a",
    "a/./b",
    "a\0b",
    "a\nb",
    "\u{D800}",
    "s3://",
    "s3:///a",
    "s3://acme-in",
    "s3://acme-in/",
    "s3://acme-in/../hanzo-functions/x",
    "s3://acme-in/a/../../x",
    "https://storage.test/acme-in/../hanzo-functions/x",
    "https://storage.test/acme-in/%2e%2e/x",
    "https://storage.test/acme-in/a%2F..%2Fb",
    "https://storage.test/acme-in/a%00b",
    "https://storage.test/acme-in/%E0%A4%A",
    "https://storage.test/acme-in/a?versionId=1",
    "https://storage.test.evil.example/acme-in/a",
    "https://storage.test:444/acme-in/a",
    "https://user@storage.test/acme-in/a",
    "http://storage.test/acme-in/a",
    "https://storage.test",
    "file:///etc/passwd",
    "gs://bucket/a",
  ])("%j is refused", (ref) => {
    expect(() => parse(ref)).toThrow(expect.objectContaining({ code: "bad_request" }));
  });
});

describe("the beginning of keys", () => {
  it.each([
    ["", "hanzo-functions", "data/acme/f/"],
    ["out/", "hanzo-functions", "data/acme/f/out/"],
    ["ou", "hanzo-functions", "data/acme/f/ou"],
    ["s3://acme-in", "acme-in", ""],
    ["s3://acme-in/", "acme-in", ""],
    ["s3://acme-in/a/", "acme-in", "a/"],
  ])("%j is %s %j", (ref, bucket, key) => {
    expect(parsePrefix(ref, OWNER, RULES)).toMatchObject({ bucket, key });
  });

  it.each(["..", "../", "a/../", "/", "a//"])("%j is refused", (ref) => {
    expect(() => parsePrefix(ref, OWNER, RULES)).toThrow(expect.objectContaining({ code: "bad_request" }));
  });
});

it("a key is named as the ref was, so that it can be given again", () => {
  for (const ref of ["out/a.txt", "s3://acme-in/a b.txt"]) {
    const place = parse(ref);
    expect(nameOf(place, OWNER, place.key)).toBe(ref);
  }
  expect(nameOf(parse("https://storage.test/acme-in/a%20b"), OWNER, "a b")).toBe("s3://acme-in/a b");
});
