import { seeded } from "@hanzo-fn/testkit";
import { describe, expect, it } from "vitest";
import { LeastLoaded, type Loaded } from "./least-loaded.ts";

interface Item extends Loaded {
  readonly name: string;
}

const item = (name: string, load = 0): Item => ({ name, load, place: 0 });

describe("the least loaded", () => {
  it("is nobody where nobody is", () => {
    expect(new LeastLoaded<Item>().least()).toBeUndefined();
  });

  it("takes turns among those that do equally much", () => {
    const order = new LeastLoaded<Item>();
    for (const name of ["a", "b", "c"]) order.add(item(name));
    const names: string[] = [];
    for (let call = 0; call < 6; call++) {
      const least = order.least() as Item;
      order.increment(least);
      names.push(least.name);
    }
    expect(names.slice(0, 3).sort()).toEqual(["a", "b", "c"]);
    expect(names.slice(3).sort()).toEqual(["a", "b", "c"]);
  });

  it("is one that comes back with nothing to do", () => {
    const order = new LeastLoaded<Item>();
    const busy = item("busy", 3);
    order.add(busy);
    const idle = item("idle");
    order.add(idle);
    expect(order.least()).toBe(idle);
    order.remove(idle);
    expect(order.least()).toBe(busy);
    for (let call = 0; call < 3; call++) order.decrement(busy);
    expect(busy.load).toBe(0);
  });

  it("stays the least through whatever comes, goes, begins and ends", () => {
    const random = seeded(7);
    const order = new LeastLoaded<Item>();
    const all: Item[] = [];
    const any = (): Item => all[Math.floor(random() * all.length)] as Item;
    for (let step = 0; step < 1500; step++) {
      const what = random();
      if (all.length === 0 || what < 0.1) {
        const one = item(String(step), Math.floor(random() * 5));
        all.push(one);
        order.add(one);
      } else if (what < 0.2) {
        const one = any();
        all.splice(all.indexOf(one), 1);
        order.remove(one);
      } else if (what < 0.65) order.increment(order.least() as Item);
      else {
        const one = any();
        if (one.load > 0) order.decrement(one);
      }
      const loads = [...order].map(({ load }) => load);
      expect(loads).toEqual(loads.toSorted((a, b) => a - b));
      expect(order.size).toBe(all.length);
      expect([...order].every((one, place) => one.place === place)).toBe(true);
    }
  });
});
