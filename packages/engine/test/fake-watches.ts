import { objectKey, type Kind, type KubeObject, type Watches } from "@hanzo-fn/kubernetes";

interface FakeWatch {
  readonly plural: string;
  readonly selects: (object: KubeObject) => boolean;
  tell(key: string, object: KubeObject | undefined): void;
}

/** Watches without a server: a test says what happens, in any order. Labels are selected by, as far as `a=b` and `a` go. */
export function createFakeWatches() {
  const objects = new Map<string, KubeObject>();
  const watches = new Set<FakeWatch>();

  const selector = (text = "") => {
    const wanted = text
      .split(",")
      .filter(Boolean)
      .map((part) => part.split("="));
    return ({ labels = {} }: KubeObject["metadata"]): boolean =>
      wanted.every(([key = "", value]) => (value === undefined ? key in labels : labels[key] === value));
  };
  const tell = (
    kind: Kind<never>,
    key: string,
    object: KubeObject | undefined,
    subject: KubeObject,
  ): void => {
    for (const watch of watches)
      if (watch.plural === kind.plural && watch.selects(subject)) watch.tell(key, object);
  };

  const watchObjects: Watches["watchObjects"] = (query, handlers, signal) => {
    type T = Parameters<typeof handlers.onChange>[1] & KubeObject;
    const { kind, namespace, labelSelector, indexes = {} } = query;
    const selected = selector(labelSelector);
    const selects = (object: KubeObject): boolean =>
      (namespace === undefined || object.metadata.namespace === namespace) && selected(object.metadata);
    const kept = (): T[] =>
      [...objects].flatMap(([key, object]) =>
        key.startsWith(`${kind.plural} `) && selects(object) ? [object as T] : [],
      );
    const watch: FakeWatch = {
      plural: kind.plural,
      selects,
      tell: (key, object) => handlers.onChange(key, object as T | undefined),
    };
    const synced = Promise.resolve().then(() => {
      watches.add(watch);
      for (const object of kept()) watch.tell(objectKey(object), object);
    });
    signal.addEventListener("abort", () => watches.delete(watch), { once: true });
    return {
      get: (key) => kept().find((object) => objectKey(object) === key),
      list: () => kept(),
      by: (index, value) => kept().filter((object) => indexes[index]?.(object).includes(value)),
      get size() {
        return kept().length;
      },
      synced,
    };
  };

  return {
    watchObjects,
    put<T extends KubeObject>(kind: Kind<T>, object: T): void {
      const key = objectKey(object);
      objects.set(`${kind.plural} ${key}`, object);
      tell(kind as Kind<never>, key, object, object);
    },
    remove<T extends KubeObject>(kind: Kind<T>, object: T): void {
      const key = objectKey(object);
      objects.delete(`${kind.plural} ${key}`);
      tell(kind as Kind<never>, key, undefined, object);
    },
  };
}
