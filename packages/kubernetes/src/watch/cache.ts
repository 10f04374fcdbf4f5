import { type KubeObject, objectKey } from "../objects.ts";

/** What is known of the objects of a watch. The objects are the cache's own: not to be changed. */
export interface ObjectCache<T extends KubeObject> {
  /** By `namespace/name`. */
  get(key: string): T | undefined;
  list(): Iterable<T>;
  /** Those for which the index of this name gives this value. */
  by(index: string, value: string): Iterable<T>;
  readonly size: number;
}

/** The values under which an object is found. */
export type Indexes<T> = Readonly<Record<string, (object: T) => readonly string[]>>;

export interface WritableCache<T extends KubeObject> extends ObjectCache<T> {
  /** True where it is news. */
  put(object: T): boolean;
  remove(key: string): boolean;
  /** Everything as a new list has it; the keys whose objects are new, changed or gone. */
  replaceAll(objects: readonly T[]): string[];
}

export function createCache<T extends KubeObject>(indexes: Indexes<T>): WritableCache<T> {
  const objects = new Map<string, T>();
  const found = new Map(Object.keys(indexes).map((name) => [name, new Map<string, Map<string, T>>()]));

  const index = (key: string, object: T): void => {
    for (const [name, values] of Object.entries(indexes)) {
      const byValue = found.get(name)!;
      for (const value of values(object)) {
        const under = byValue.get(value) ?? new Map<string, T>();
        byValue.set(value, under.set(key, object));
      }
    }
  };
  const unindex = (key: string, object: T): void => {
    for (const [name, values] of Object.entries(indexes)) {
      for (const value of values(object)) {
        const under = found.get(name)!.get(value);
        under?.delete(key);
        if (under?.size === 0) found.get(name)!.delete(value);
      }
    }
  };
  const put = (object: T): boolean => {
    const key = objectKey(object);
    const before = objects.get(key);
    if (before) unindex(key, before);
    objects.set(key, object);
    index(key, object);
    return before === undefined || !sameVersion(before, object);
  };
  const remove = (key: string): boolean => {
    const before = objects.get(key);
    if (!before) return false;
    objects.delete(key);
    unindex(key, before);
    return true;
  };
  return {
    get: (key) => objects.get(key),
    list: () => objects.values(),
    by(name, value) {
      const values = found.get(name);
      if (!values) throw new Error(`no index is called ${name}`);
      return values.get(value)?.values() ?? [];
    },
    get size() {
      return objects.size;
    },
    put,
    remove,
    replaceAll(next) {
      const gone = new Set(objects.keys());
      const changed: string[] = [];
      for (const object of next) {
        const key = objectKey(object);
        gone.delete(key);
        if (put(object)) changed.push(key);
      }
      for (const key of gone) remove(key);
      return [...changed, ...gone];
    },
  };
}

/** An object that was deleted and made anew has another uid, and may have any version. */
function sameVersion(one: KubeObject, other: KubeObject): boolean {
  return (
    one.metadata.resourceVersion === other.metadata.resourceVersion && one.metadata.uid === other.metadata.uid
  );
}
