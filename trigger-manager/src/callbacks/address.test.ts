import { describe, expect, test } from "vitest";
import { checkCallback, isPublicAddress } from "./address.ts";

describe("an address", () => {
  test.each([
    "127.0.0.1",
    "127.9.9.9",
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd12:3456::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "64:ff9b::7f00:1",
    "2001:db8::1",
    "2002:7f00:1::",
    "example.com",
    "",
  ])("%s is not of the public Internet", (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  test.each(["8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450:4001::1"])(
    "%s is of the public Internet",
    (address) => {
      expect(isPublicAddress(address)).toBe(true);
    },
  );
});

describe("a callback's URL", () => {
  const open = { allowPrivate: false };

  test("is kept without its fragment, with the host that it shares with others", () => {
    expect(checkCallback("https://Example.com/done?x=1#y", open)).toEqual({
      url: "https://example.com/done?x=1",
      host: "example.com:443",
    });
    expect(checkCallback("http://example.com:8080/", open).host).toBe("example.com:8080");
  });

  test.each([
    "http://127.0.0.1/",
    "http://2130706433/",
    "http://0x7f.1/",
    "http://[::1]/",
    "http://[::ffff:7f00:1]/",
    "https://169.254.169.254/latest/meta-data",
    "http://localhost:9000/",
    "http://a.localhost/",
  ])("to a private address, %s, is refused unless that is allowed", (url) => {
    expect(() => checkCallback(url, open)).toThrow(/private, loopback or link-local/);
    expect(checkCallback(url, { allowPrivate: true }).url).toMatch(/^https?:/);
  });

  test.each([
    "",
    "no url",
    "ftp://example.com/",
    "file:///etc/passwd",
    `https://example.com/${"a".repeat(2048)}`,
  ])("that is none is refused: %s", (url) => {
    expect(() => checkCallback(url, open)).toThrow(/is a URL/);
  });

  test("with credentials in it is refused", () => {
    expect(() => checkCallback("https://ann:secret@example.com/", open)).toThrow(/no credentials/);
  });
});
