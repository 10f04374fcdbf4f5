import { describe, expect, it } from "vitest";
import { ownershipProblem, pathProblem } from "./http-path.ts";

describe("the path of an HTTP trigger", () => {
  it.each([
    "/",
    "/a",
    "/a/",
    "/a/b.json",
    "/hooks/*",
    "/*",
    "/a/%20b",
    "/a/%C3%A4",
    "/.well-known/x",
    "/v1/functions/f",
  ])("may be %s", (path) => {
    expect(pathProblem(path)).toBeUndefined();
  });

  it.each([
    ["a", "must be an absolute path"],
    ["", "must be an absolute path"],
    ["https://a.example/x", "must be an absolute path"],
    ["/a?b=1", "must not have a query or fragment"],
    ["/a#b", "must not have a query or fragment"],
    ["/a//b", "must not have empty segments"],
    ["//a", "must not have empty segments"],
    ["/a//*", "must not have empty segments"],
    ["/a/./b", "must not have `.` or `..` segments"],
    ["/a/../b", "must not have `.` or `..` segments"],
    ["/a/%2E%2E/b", "must not have `.` or `..` segments"],
    ["/a%2Fb", "must not escape letters, digits, `-._~`, `/`, `\\` or NUL"],
    ["/%61", "must not escape letters, digits, `-._~`, `/`, `\\` or NUL"],
    ["/%7A", "must not escape letters, digits, `-._~`, `/`, `\\` or NUL"],
    ["/%39", "must not escape letters, digits, `-._~`, `/`, `\\` or NUL"],
    ["/a%00", "must not escape letters, digits, `-._~`, `/`, `\\` or NUL"],
    ["/a b", "has a character that a path cannot hold"],
    ["/ä", "has a character that a path cannot hold"],
    ["/a%2g", "has a character that a path cannot hold"],
    ["/a\\b", "has a character that a path cannot hold"],
    ["/a/*/b", "a wildcard is allowed only as the whole last segment"],
    ["/a*", "a wildcard is allowed only as the whole last segment"],
    ["/**", "a wildcard is allowed only as the whole last segment"],
    ["/users/{id}", "path parameters are not supported"],
    ["/users/:id", "path parameters are not supported"],
    ["/.hanzo/ping", "`/.hanzo/` belongs to the platform"],
    ["/.hanzo", "`/.hanzo/` belongs to the platform"],
    ["/.hanzo/*", "`/.hanzo/` belongs to the platform"],
    [`/${"a".repeat(1024)}`, "must have at most 1024 characters, this has 1025"],
  ])("may not be %s", (path, rule) => {
    expect(pathProblem(path)?.rule).toBe(rule);
  });

  it.each([
    "/v1/functions/mine",
    "/v1/functions/mine/",
    "/v1/functions/mine/*",
    "/v1/functions/mine/status",
    "/v1/other",
    "/x",
  ])("lets the function mine claim %s", (path) => {
    expect(ownershipProblem(path, "mine")).toBeUndefined();
  });

  it.each([
    "/v1/functions",
    "/v1/functions/",
    "/v1/functions/*",
    "/v1/functions/other",
    "/v1/functions/other/x",
    "/v1/functions/mine/invoke",
    "/v1/functions/mine/invoke/deep",
    "/v1/functions/mine/invoke-async",
    "/v1/functions/mine/tasks",
    "/v1/functions/mine/tasks/*",
  ])("does not let the function mine claim %s", (path) => {
    expect(ownershipProblem(path, "mine")).toBeDefined();
  });
});
