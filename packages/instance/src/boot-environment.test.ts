import { expect, it } from "vitest";
import { bodyOf } from "../test/places.ts";
import { bootEnvironment } from "./boot-environment.ts";

it("a specialised boot is told of the gateway by variables, where there is one", () => {
  const gateway = { url: "unix:/run/g/s", token: "hfi_x" };
  expect(bootEnvironment(bodyOf("handler.main", { gateway }))).toMatchObject({
    HANZO_FN_GATEWAY: "unix:/run/g/s",
    HANZO_FN_GATEWAY_TOKEN: "hfi_x",
  });
  const without = bootEnvironment(bodyOf("handler.main"));
  expect(Object.keys(without).filter((name) => name.includes("GATEWAY"))).toEqual([]);
});

it("the user's variables cannot hide the platform's", () => {
  const environment = { HANZO_FN_GATEWAY: "http://elsewhere", HANZO_FN_GATEWAY_TOKEN: "stolen", MINE: "1" };
  const gateway = { url: "unix:/run/g/s", token: "hfi_x" };
  expect(bootEnvironment(bodyOf("handler.main", { environment, gateway }))).toMatchObject({
    HANZO_FN_GATEWAY: "unix:/run/g/s",
    HANZO_FN_GATEWAY_TOKEN: "hfi_x",
    MINE: "1",
  });
});
