/** What a kind has open, by trigger. While an old one drains, the next one may be open already: the oldest is closed first. */
export interface OpenSources<S> {
  add(triggerId: string, source: S): void;
  /** The oldest one, which is let go; undefined where there is none. */
  take(triggerId: string): S | undefined;
}

export function createOpenSources<S>(): OpenSources<S> {
  const sources = new Map<string, S[]>();
  return {
    add: (id, source) => void sources.set(id, [...(sources.get(id) ?? []), source]),
    take(id) {
      const [oldest, ...rest] = sources.get(id) ?? [];
      if (rest.length > 0) sources.set(id, rest);
      else sources.delete(id);
      return oldest;
    },
  };
}
