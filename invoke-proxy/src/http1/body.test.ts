import { describe, expect, it } from "vitest";
import { createBodyDecoder } from "./body.ts";
import { CHUNKED_BODY, CLOSE_DELIMITED_BODY } from "./framing.ts";

function feed(decoder: ReturnType<typeof createBodyDecoder>, text: string): { data: string; taken: number } {
  const buffer = Buffer.from(text, "latin1");
  let data = "";
  const taken = decoder.write(buffer, 0, buffer.length, (bytes, start, end) => {
    data += bytes.toString("latin1", start, end);
  });
  return { data, taken };
}

describe("a body decoder", () => {
  it("is done at once when there is no body", () => {
    const decoder = createBodyDecoder("request");
    expect(decoder.done).toBe(true);
    expect(feed(decoder, "GET")).toEqual({ data: "", taken: 0 });
  });

  it("stops behind the last byte of a length and leaves the next message", () => {
    const decoder = createBodyDecoder("request", { kind: "length", length: 5 });
    expect(feed(decoder, "hel")).toEqual({ data: "hel", taken: 3 });
    expect(feed(decoder, "loGET")).toEqual({ data: "lo", taken: 2 });
    expect(decoder.done).toBe(true);
  });

  it("takes chunk framing off, drops extensions and trailers and leaves the next message", () => {
    const decoder = createBodyDecoder("request", CHUNKED_BODY);
    expect(feed(decoder, "5;a=b\r\nhello\r\n1\r\n!\r\n0\r\nX: y\r\n\r\nGET")).toEqual({
      data: "hello!",
      taken: 31,
    });
    expect(decoder.done).toBe(true);
  });

  it("can be used for the next body after a reset", () => {
    const decoder = createBodyDecoder("request", CHUNKED_BODY);
    feed(decoder, "1\r\na\r\n0\r\nX: y\r\n\r\n");
    decoder.reset(CHUNKED_BODY);
    expect(decoder.done).toBe(false);
    expect(feed(decoder, "2\r\nbc\r\n0\r\n\r\n").data).toBe("bc");
    expect(decoder.done).toBe(true);
  });

  it("ends a close-delimited body with the connection and no other", () => {
    const open = createBodyDecoder("response", CLOSE_DELIMITED_BODY);
    expect(feed(open, "abc").data).toBe("abc");
    expect(open.done).toBe(false);
    open.finish();
    expect(open.done).toBe(true);
    const cut = createBodyDecoder("response", { kind: "length", length: 5 });
    feed(cut, "abc");
    expect(() => cut.finish()).toThrow(expect.objectContaining({ code: "malformed_response" }));
  });

  it("bounds extensions and trailers over the whole body", () => {
    const limits = { maxChunkExtensionBytes: 4, maxTrailerBytes: 6 };
    const extended = createBodyDecoder("request", CHUNKED_BODY, limits);
    expect(() => feed(extended, "1;ab\r\nx\r\n1;ab\r\nx\r\n")).toThrow("chunk extensions");
    const trailed = createBodyDecoder("request", CHUNKED_BODY, limits);
    feed(trailed, "0\r\nA: b\r\n\r\n");
    expect(trailed.done).toBe(true);
    const longer = createBodyDecoder("request", CHUNKED_BODY, limits);
    expect(() => feed(longer, "0\r\nA: bcd\r\n\r\n")).toThrow(
      expect.objectContaining({ code: "head_too_large" }),
    );
  });
});
