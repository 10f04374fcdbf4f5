const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** A Kubernetes quantity of bytes (`256Mi`, `1.5G`, `1e9`) as whole bytes; undefined where the text is none. */
export function parseQuantity(text: string): number | undefined {
  const match = /^(\d{1,20}(?:\.\d{1,9})?)(?:([eE]\d{1,2})|(Ki|Mi|Gi|Ti|Pi|Ei|k|M|G|T|P|E))?$/.exec(
    text.trim(),
  );
  if (match === null) return undefined;
  const [, digits = "", exponent = "", unit = ""] = match;
  const value = Math.ceil(Number(digits + exponent) * (UNITS[unit] ?? 1));
  return Number.isSafeInteger(value) ? value : undefined;
}

/** A Kubernetes CPU quantity in thousandths of a core, rounded up as Kubernetes does. */
export function parseCpu(text: string): number | undefined {
  const match = /^(\d{1,9}(?:\.\d{1,9})?)(m?)$/.exec(text.trim());
  if (match === null) return undefined;
  const [, digits = "", milli = ""] = match;
  return milli === "m" ? Math.ceil(Number(digits)) : Math.ceil(Math.round(Number(digits) * 1e6) / 1e3);
}

/** `1Gi`, `256Mi`, or plain bytes where no unit is exact. */
export function formatBytes(value: number): string {
  for (const [unit, size] of [
    ["Ti", 2 ** 40],
    ["Gi", 2 ** 30],
    ["Mi", 2 ** 20],
    ["Ki", 2 ** 10],
  ] as const) {
    if (value > 0 && value % size === 0) return `${value / size}${unit}`;
  }
  return String(value);
}

/** Thousandths of a core as Kubernetes writes them: `250m`, `2`. */
export function formatCpu(millis: number): string {
  return millis % 1000 === 0 ? String(millis / 1000) : `${millis}m`;
}
