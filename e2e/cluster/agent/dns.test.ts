import { expect, test } from "vitest";
import { answerQuery, type EndpointSlice, type Names, resolve, type Service } from "./dns.ts";

const service = (name: string, spec: Service["spec"]): [string, Service] => [
  `${name}.default`,
  { metadata: { name, namespace: "default" }, spec },
];
const slice: EndpointSlice = {
  metadata: { name: "s", namespace: "default", labels: { "kubernetes.io/service-name": "headless" } },
  addressType: "IPv4",
  endpoints: [{ addresses: ["10.0.0.7"] }, { addresses: ["10.0.0.8"], conditions: { ready: false } }],
};
const names: Names = {
  services: new Map([
    service("web", { clusterIP: "198.19.0.9" }),
    service("alias", { type: "ExternalName", externalName: "web.default.svc.cluster.local" }),
    service("loop", { type: "ExternalName", externalName: "loop.default.svc.cluster.local" }),
    service("headless", { clusterIP: "None" }),
  ]),
  slices: [slice],
  fixed: { "registry.local": "198.18.0.1" },
};

test("a service is its ClusterIP, an alias what it names, a headless one its ready endpoints", () => {
  const of = (name: string): unknown => resolve(names, `${name}.default.svc.cluster.local`);
  expect(of("web")).toEqual(["198.19.0.9"]);
  expect(of("alias")).toEqual(["198.19.0.9"]);
  expect(of("headless")).toEqual(["10.0.0.7"]);
  expect(of("loop")).toBeUndefined();
  expect(of("nobody")).toBeUndefined();
  expect(resolve(names, "registry.local")).toEqual(["198.18.0.1"]);
  expect(resolve(names, "example.org")).toBeUndefined();
});

function query(name: string, type: number): Buffer {
  const labels = name.split(".").flatMap((label) => [label.length, ...Buffer.from(label)]);
  return Buffer.from([0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...labels, 0, 0, type, 0, 1]);
}

test("a question for an address is answered with its name pointed to, in any case of letters", () => {
  const asked = query("Web.Default.svc.cluster.LOCAL", 1);
  const answer = answerQuery(asked, names);
  expect(answer?.subarray(0, 8)).toEqual(Buffer.from([0xab, 0xcd, 0x85, 0x80, 0, 1, 0, 1]));
  expect(answer?.subarray(12, asked.length)).toEqual(asked.subarray(12));
  expect([...(answer?.subarray(-4) ?? [])]).toEqual([198, 19, 0, 9]);
});

test("for an IPv6 address of a name that exists there is no answer, for a name that does not exist an error", () => {
  const six = answerQuery(query("web.default.svc.cluster.local", 28), names);
  expect([six?.readUInt16BE(2), six?.readUInt16BE(6)]).toEqual([0x8580, 0]);
  expect((answerQuery(query("nobody.example", 1), names)?.readUInt16BE(2) ?? 0) & 15).toBe(3);
});

test("what is no question gets no answer", () => {
  expect(answerQuery(Buffer.alloc(4), names)).toBeUndefined();
  expect(answerQuery(query("web.default", 1).subarray(0, 20), names)).toBeUndefined();
});
