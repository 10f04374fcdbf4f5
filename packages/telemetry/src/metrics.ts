/**
 * Counters, gauges and histograms in the Prometheus text format 0.0.4.
 * A series is looked up once and then bumped as a plain number, which is why this is ours: the request path
 * may not hash label sets (see docs/decisions/0003-own-metrics-registry.md).
 */
export interface Series {
  value: number;
}

export interface HistogramSeries {
  sum: number;
  count: number;
  /** One slot per bucket bound and one for the rest; not cumulative. */
  readonly counts: Float64Array;
}

interface Family<S> {
  /** The series for these label values, in the order of the label names. */
  series(...labelValues: string[]): S;
  /** Forgets every series with this value of this label. */
  forget(label: string, value: string): void;
}

export type Counter = Family<Series>;
export type Gauge = Family<Series>;

export interface Histogram extends Family<HistogramSeries> {
  observe(series: HistogramSeries, value: number): void;
}

export interface Registry {
  counter(name: string, help: string, labels: readonly string[]): Counter;
  gauge(name: string, help: string, labels: readonly string[]): Gauge;
  histogram(name: string, help: string, labels: readonly string[], buckets: readonly number[]): Histogram;
  /** Runs before every scrape, to set gauges that are cheaper to compute than to keep. */
  onScrape(collect: () => void): void;
  text(): string;
}

const SEPARATOR = "\u0000";

function escapeLabel(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

function createFamily<S>(labels: readonly string[], make: () => S): Family<S> & { all: Map<string, S> } {
  const all = new Map<string, S>();
  return {
    all,
    series(...values) {
      const key = values.join(SEPARATOR);
      let series = all.get(key);
      if (series === undefined) {
        series = make();
        all.set(key, series);
      }
      return series;
    },
    forget(label, value) {
      const index = labels.indexOf(label);
      for (const key of all.keys()) if (key.split(SEPARATOR)[index] === value) all.delete(key);
    },
  };
}

function renderLabels(labels: readonly string[], key: string, extra = ""): string {
  const values = labels.length === 0 ? [] : key.split(SEPARATOR);
  const parts = labels.map((label, i) => `${label}="${escapeLabel(values[i] ?? "")}"`);
  if (extra !== "") parts.push(extra);
  return parts.length === 0 ? "" : `{${parts.join(",")}}`;
}

function renderHistogram(
  name: string,
  labels: readonly string[],
  key: string,
  series: HistogramSeries,
  buckets: readonly number[],
): string[] {
  const lines: string[] = [];
  let cumulative = 0;
  for (let i = 0; i < buckets.length; i++) {
    cumulative += series.counts[i] ?? 0;
    lines.push(`${name}_bucket${renderLabels(labels, key, `le="${buckets[i]}"`)} ${cumulative}`);
  }
  lines.push(`${name}_bucket${renderLabels(labels, key, 'le="+Inf"')} ${series.count}`);
  lines.push(`${name}_sum${renderLabels(labels, key)} ${series.sum}`);
  lines.push(`${name}_count${renderLabels(labels, key)} ${series.count}`);
  return lines;
}

/** @param prefix `observability.metrics_namespace`, put before every name with an underscore. */
export function createRegistry(prefix: string): Registry {
  const renderers: (() => string[])[] = [];
  const collectors: (() => void)[] = [];
  const scalar = (
    type: "counter" | "gauge",
    name: string,
    help: string,
    labels: readonly string[],
  ): Counter => {
    const family = createFamily<Series>(labels, () => ({ value: 0 }));
    const full = `${prefix}_${name}`;
    renderers.push(() => [
      `# HELP ${full} ${help}`,
      `# TYPE ${full} ${type}`,
      ...Array.from(family.all, ([key, series]) => `${full}${renderLabels(labels, key)} ${series.value}`),
    ]);
    return family;
  };
  return {
    counter: (name, help, labels) => scalar("counter", name, help, labels),
    gauge: (name, help, labels) => scalar("gauge", name, help, labels),
    histogram(name, help, labels, buckets) {
      const family = createFamily<HistogramSeries>(labels, () => ({
        sum: 0,
        count: 0,
        counts: new Float64Array(buckets.length),
      }));
      const full = `${prefix}_${name}`;
      renderers.push(() => [
        `# HELP ${full} ${help}`,
        `# TYPE ${full} histogram`,
        ...Array.from(family.all).flatMap(([key, series]) =>
          renderHistogram(full, labels, key, series, buckets),
        ),
      ]);
      return {
        series: family.series,
        forget: family.forget,
        observe(series, value) {
          series.sum += value;
          series.count++;
          for (let i = 0; i < buckets.length; i++) {
            if (value <= (buckets[i] as number)) {
              series.counts[i]!++;
              return;
            }
          }
        },
      };
    },
    onScrape: (collect) => void collectors.push(collect),
    text() {
      for (const collect of collectors) collect();
      return `${renderers.flatMap((render) => render()).join("\n")}\n`;
    },
  };
}
