import { expect, it } from "vitest";
import { type Lease, leaseStep, sight } from "./lease.ts";

const lease = (resourceVersion: string, holderIdentity: string): Lease => ({
  apiVersion: "coordination.k8s.io/v1",
  kind: "Lease",
  metadata: { name: "platform", namespace: "system", resourceVersion },
  spec: { holderIdentity, leaseDurationSeconds: 15, renewTime: "1999-01-01T00:00:00.000000Z" },
});

it("creates what is not there, takes what nobody holds, and renews its own", () => {
  expect(leaseStep(undefined, undefined, "me", 0)).toBe("create");
  expect(leaseStep(lease("1", ""), { resourceVersion: "1", at: 0 }, "me", 0)).toBe("take");
  expect(leaseStep(lease("1", "me"), { resourceVersion: "1", at: 0 }, "me", 99_000)).toBe("renew");
});

it("leaves another's alone for its duration after it was last seen to change, whatever the time in it says", () => {
  const seen = sight(lease("1", "other"), undefined, 1000);
  expect(leaseStep(lease("1", "other"), seen, "me", 15_999)).toBe("wait");
  expect(leaseStep(lease("1", "other"), seen, "me", 16_000)).toBe("take");
  const renewed = sight(lease("2", "other"), seen, 15_500);
  expect(leaseStep(lease("2", "other"), renewed, "me", 30_499)).toBe("wait");
  expect(sight(lease("2", "other"), renewed, 20_000)).toBe(renewed);
});
