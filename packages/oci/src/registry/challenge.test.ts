import { expect, it } from "vitest";
import { parseChallenges } from "./challenge.ts";

it("a bearer challenge has realm, service and scope, commas in quotes among them", () => {
  const header =
    'Bearer realm="https://auth.example.com/token",service="registry.example.com",scope="repository:a/b:pull,push"';
  expect(parseChallenges(header)).toEqual([
    {
      scheme: "bearer",
      parameters: {
        realm: "https://auth.example.com/token",
        service: "registry.example.com",
        scope: "repository:a/b:pull,push",
      },
    },
  ]);
});

it("several challenges in one header are told apart, whatever their blanks and case", () => {
  expect(parseChallenges('BASIC Realm = "a \\"b\\"" , charset=UTF-8, Bearer realm="r", Negotiate')).toEqual([
    { scheme: "basic", parameters: { realm: 'a "b"', charset: "UTF-8" } },
    { scheme: "bearer", parameters: { realm: "r" } },
    { scheme: "negotiate", parameters: {} },
  ]);
});

it("what is no challenge gives none, and does not hang", () => {
  for (const header of ["", ",,,", '"', "=", '=" "', "\u0000"]) expect(parseChallenges(header)).toEqual([]);
  expect(parseChallenges('Bearer realm="open')).toEqual([
    { scheme: "bearer", parameters: {} },
    { scheme: "realm", parameters: {} },
  ]);
});
