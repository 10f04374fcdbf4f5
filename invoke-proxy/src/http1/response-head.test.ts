import { describe, expect, it } from "vitest";
import { parseResponseHead, type ResponseHead } from "./response-head.ts";

const LIMITS = { maxHeadBytes: 1024, maxTargetBytes: 100, maxHeaders: 10 };

function head(
  lines: readonly string[],
  context: { method: string; upgrade: string | undefined } = { method: "GET", upgrade: undefined },
): ResponseHead {
  const buffer = Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
  return parseResponseHead(buffer, 0, buffer.length, LIMITS, context)!;
}

describe("parseResponseHead", () => {
  it("gives status, reason and framing by length", () => {
    const found = head(["HTTP/1.1 404 Not Found", "Content-Length: 3"]);
    expect(found).toMatchObject({ status: 404, reason: "Not Found", keepAlive: true, interim: false });
    expect(found.framing).toEqual({ kind: "length", length: 3 });
  });

  it("lets a body without a length end with the connection, which is then not reused", () => {
    expect(head(["HTTP/1.1 200 OK"])).toMatchObject({ framing: { kind: "close" }, keepAlive: false });
  });

  it("expects no body after HEAD, 204 and 304, and keeps the connection", () => {
    const none = { framing: { kind: "none" }, keepAlive: true };
    expect(
      head(["HTTP/1.1 200 OK", "Content-Length: 3"], { method: "HEAD", upgrade: undefined }),
    ).toMatchObject(none);
    expect(head(["HTTP/1.1 204 No Content"])).toMatchObject(none);
    expect(head(["HTTP/1.1 304 Not Modified", "Content-Length: 3"])).toMatchObject(none);
  });

  it("marks 1xx heads as interim", () => {
    expect(head(["HTTP/1.1 103 Early Hints"])).toMatchObject({ interim: true, framing: { kind: "none" } });
  });

  it("accepts 101 only when an upgrade was asked for", () => {
    const lines = ["HTTP/1.1 101 Switching Protocols", "Connection: Upgrade", "Upgrade: websocket"];
    const found = head(lines, { method: "GET", upgrade: "websocket" });
    expect(found).toMatchObject({ upgrade: "websocket", interim: false, keepAlive: false });
    expect(() => head(lines)).toThrow("101 without a request to upgrade");
  });

  it("refuses every fault with malformed_response, limits included", () => {
    const faults = [
      ["HTTP/1.1 200"],
      ["HTTP/1.1 200 OK", `X: ${"v".repeat(1100)}`],
      ["HTTP/1.1 200 OK", "Transfer-Encoding: gzip"],
      ["HTTP/2.0 200 OK"],
    ];
    for (const lines of faults) {
      expect(() => head(lines)).toThrow(expect.objectContaining({ code: "malformed_response", status: 502 }));
    }
  });
});
