/** How the CLI words what several commands show. */
export function trafficText(
  traffic: readonly { readonly revisionName: string; readonly percent: number }[],
): string {
  if (traffic.length === 0) return "-";
  return traffic.map((target) => `${target.revisionName.slice(-5)}=${target.percent}%`).join(" ");
}

export function milliseconds(value: number): string {
  if (value < 10) return `${value.toFixed(1)} ms`;
  return value < 10_000 ? `${Math.round(value)} ms` : `${(value / 1000).toFixed(1)} s`;
}

/** A path segment of a URL. */
export function segment(text: string): string {
  return encodeURIComponent(text);
}
