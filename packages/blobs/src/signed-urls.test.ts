import { expect, test } from "vitest";
import { createUrlSigner } from "./signed-urls.ts";

const signer = createUrlSigner({ baseUrl: "http://127.0.0.1:8061/objects", secret: Buffer.from("secret") });
const target = { method: "GET", bucket: "acme-data", key: "a b/ü%2f" } as const;
const NOW = 1_700_000_000_000;
const url = signer.sign(target, NOW + 60_000);
const pathAndQuery = url.slice("http://127.0.0.1:8061".length);

test("a signed URL allows what it was signed for until it expires", () => {
  expect(signer.verify("GET", url, NOW)).toEqual(target);
  expect(signer.verify("HEAD", pathAndQuery, NOW)).toEqual(target);
  const put = signer.sign({ ...target, method: "PUT" }, NOW + 60_000);
  expect(signer.verify("PUT", put, NOW)).toEqual({ ...target, method: "PUT" });
});

test.each([
  ["another method", "PUT", url, NOW],
  ["a method that is none", "DELETE", url, NOW],
  ["a method that was changed in it", "PUT", url.replace("method=GET", "method=PUT"), NOW],
  ["after its time", "GET", url, NOW + 60_000],
  ["a later time", "GET", url.replace(/expires=\d+/, "expires=9999999999"), NOW],
  ["no time", "GET", url.replace(/expires=\d+&/, ""), NOW],
  ["another key", "GET", url.replace("a%20b", "a%20c"), NOW],
  ["another bucket", "GET", url.replace("acme-data", "acme-date"), NOW],
  ["another signature", "GET", url.replace(/signature=./, "signature=x"), NOW],
  ["no signature", "GET", url.replace(/&signature=.*/, ""), NOW],
  ["a path that does not decode", "GET", url.replace("a%20b", "%ff"), NOW],
])("refuses %s", (_, method, changed, now) => {
  expect(() => signer.verify(method, changed, now)).toThrow(expect.objectContaining({ code: "forbidden" }));
});

test("another secret signs otherwise", () => {
  const other = createUrlSigner({ baseUrl: "http://127.0.0.1:8061/objects", secret: Buffer.from("other") });
  expect(() => other.verify("GET", url, NOW)).toThrow(expect.objectContaining({ code: "forbidden" }));
});
