import { describe, expect, it } from "vitest";
import { canonicalPath, invokedFunction, isAsyncPath, isPlatformPath } from "./path.ts";

describe("canonicalPath", () => {
  it.each([
    ["/", "/"],
    ["/a/b", "/a/b"],
    ["/a/", "/a/"],
    ["/.well-known/x", "/.well-known/x"],
    ["/%61%2D%7e", "/a-~"],
    ["/a%2fb", "/a%2Fb"],
    ["/caf%c3%a9", "/caf%C3%A9"],
    ["/a...b/..c", "/a...b/..c"],
  ])("spells %s as %s", (path, canonical) => {
    expect(canonicalPath(path)).toBe(canonical);
  });

  it.each([
    "",
    "a",
    "*",
    "/.",
    "/..",
    "/a/../b",
    "/a/./b",
    "/a/..",
    "/%2e%2e/b",
    "/a/%2E/b",
    "/a/..%2fb",
    "/a%2f..%2Fb",
    "//a",
    "/a//b",
    "/a%2F%2Fb",
    "/a/%2Fb",
    "/a%00b",
    "/a%5cb",
    "/a%zz",
    "/a%2",
  ])("refuses %s", (path) => {
    expect(canonicalPath(path)).toBeUndefined();
  });
});

it("knows the platform's paths in every spelling", () => {
  expect(isPlatformPath("/.hanzo")).toBe(true);
  expect(isPlatformPath("/.hanzo/ping")).toBe(true);
  expect(isPlatformPath(canonicalPath("/%2ehanzo%2fping") ?? "")).toBe(true);
  expect(isPlatformPath("/.hanzoo")).toBe(false);
});

it("reads the function's name out of an invoke path and out of no other", () => {
  expect(invokedFunction("/v1/functions/embed/invoke")).toBe("embed");
  expect(invokedFunction("/v1/functions/embed")).toBeUndefined();
  expect(invokedFunction("/v1/functions/invoke")).toBeUndefined();
  expect(invokedFunction("/v1/functions//invoke")).toBeUndefined();
  expect(invokedFunction("/v1/functions/a/b/invoke")).toBeUndefined();
  expect(invokedFunction("/v1/functions/embed/invoke-async")).toBe("embed");
  expect(invokedFunction("/v1/functions/embed/tasks")).toBeUndefined();
  expect(isAsyncPath("/v1/functions/embed/invoke-async")).toBe(true);
  expect(isAsyncPath("/v1/functions/embed/invoke")).toBe(false);
});
