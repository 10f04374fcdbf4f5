/** Asks for something of each, of so many at once. One of which it cannot be read, or is not known, is left out. */
export async function readEach<T, R>(
  items: readonly T[],
  atOnce: number,
  read: (item: T) => Promise<R | undefined>,
): Promise<Map<T, R>> {
  const found = new Map<T, R>();
  const left = items.values();
  const work = async (): Promise<void> => {
    for (const item of left) {
      const one = await read(item).catch(() => undefined);
      if (one !== undefined) found.set(item, one);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, work));
  return found;
}
