import { expect, it } from "vitest";
import { readRequestFields } from "./request-fields.ts";

function read(headers: Record<string, string>, hopByHop: string[] = []) {
  const names = Object.keys(headers);
  return readRequestFields({
    names,
    lower: names.map((name) => name.toLowerCase()),
    values: Object.values(headers),
    hopByHop,
  });
}

it("passes ordinary headers as they were sent", () => {
  expect(read({ Accept: "*/*", "X-Custom": "é" }).forward).toBe("Accept: */*\r\nX-Custom: é\r\n");
});

it("drops what belongs to the connection, and what Connection names", () => {
  const fields = read(
    {
      Connection: "x-hop",
      "X-Hop": "1",
      TE: "trailers",
      Upgrade: "h2c",
      "Proxy-Authorization": "x",
      Keep: "2",
    },
    ["x-hop"],
  );
  expect(fields.forward).toBe("Keep: 2\r\n");
});

it("drops what would choose another revision behind Knative's activator, and what passes for a probe there", () => {
  const fields = read({
    "Knative-Serving-Namespace": "other",
    "knative-serving-revision": "other-00001",
    "K-Network-Probe": "queue",
    "K-Proxy-Request": "activator",
    "X-K": "1",
  });
  expect(fields.forward).toBe("X-K: 1\r\n");
});

it("drops identity and function headers however they are spelt", () => {
  const fields = read({
    "X-User-Id": "root",
    "x-user-email": "a@b",
    "X-Org-Id": "other",
    x_user_id: "root",
    "X-Function_Name": "f",
    "X-Function-Anything": "1",
    x_org_id: "other",
    x_api_key: "k",
  });
  expect(fields.forward).toBe("");
  expect(fields.orgId).toBe("other");
});

it("keeps credentials apart from what passes", () => {
  const fields = read({ Authorization: "Bearer t", "X-API-Key": "k", "X-Hanzo-Key": "h" });
  expect(fields.forward).toBe("");
  expect(fields).toMatchObject({ authorization: "Bearer t", apiKey: "k" });
  expect(fields.credentials).toBe("Authorization: Bearer t\r\nX-API-Key: k\r\nX-Hanzo-Key: h\r\n");
});

it("keeps the platform's trigger headers apart from what passes", () => {
  const fields = read({ "X-Function-Trigger": "mq", "X-Function-Attempt": "2", "X-Function-Revision": "3" });
  expect(fields.forward).toBe("");
  expect(fields).toMatchObject({ triggerType: "mq", revision: "3" });
  expect(fields.trigger).toBe("X-Function-Trigger: mq\r\nX-Function-Attempt: 2\r\n");
});
