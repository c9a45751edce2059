/** The label values of a series, in the order of the metric's label names. */
type LabelValues = readonly string[];

interface Counter {
  add(labels: LabelValues, value?: number): void;
}

interface Histogram {
  observe(labels: LabelValues, value: number): void;
}

/** Prometheus metrics in the text format 0.0.4. */
interface MetricsRegistry {
  counter(name: string, help: string, labels: readonly string[]): Counter;
  /** `read` is called at every scrape; when it fails, this gauge has no series and the others are still shown. */
  gauge(
    name: string,
    help: string,
    labels: readonly string[],
    read: () => Promise<readonly (readonly [LabelValues, number])[]>,
  ): void;
  /** `buckets` are upper bounds, ascending, without +Inf. */
  histogram(name: string, help: string, labels: readonly string[], buckets: readonly number[]): Histogram;
  /** In order of declaration. */
  describe(): readonly MetricDescription[];
  render(): Promise<string>;
}

export interface MetricDescription {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
}

export function createMetricsRegistry(): MetricsRegistry {
  const described: MetricDescription[] = [];
  const families: (() => Promise<string>)[] = [];

  function family(metric: MetricDescription, lines: () => Promise<string[]> | string[]): void {
    const { name, type, help } = metric;
    described.push(metric);
    families.push(async () =>
      [`# HELP ${name} ${escapeHelp(help)}`, `# TYPE ${name} ${type}`, ...(await lines())].join('\n'),
    );
  }

  return {
    counter(name, help, labels) {
      const series = new Map<string, number>();
      family({ name, type: 'counter', help, labels }, () =>
        [...series].map(([key, value]) => `${name}${key} ${value}`),
      );
      return {
        add(values, value = 1) {
          const key = render(labels, values);
          series.set(key, (series.get(key) ?? 0) + value);
        },
      };
    },
    gauge(name, help, labels, read) {
      family({ name, type: 'gauge', help, labels }, async () => {
        const series = await read().catch(() => []);
        return series.map(([values, value]) => `${name}${render(labels, values)} ${value}`);
      });
    },
    histogram(name, help, labels, buckets) {
      const series = new Map<string, { values: LabelValues; counts: number[]; sum: number; count: number }>();
      family({ name, type: 'histogram', help, labels }, () =>
        [...series.values()].flatMap(({ values, counts, sum, count }) => [
          ...buckets.map(
            (bound, i) =>
              `${name}_bucket${render([...labels, 'le'], [...values, String(bound)])} ${counts[i]}`,
          ),
          `${name}_bucket${render([...labels, 'le'], [...values, '+Inf'])} ${count}`,
          `${name}_sum${render(labels, values)} ${sum}`,
          `${name}_count${render(labels, values)} ${count}`,
        ]),
      );
      return {
        observe(values, value) {
          const key = values.join('\0');
          const entry = series.get(key) ?? { values, counts: buckets.map(() => 0), sum: 0, count: 0 };
          series.set(key, entry);
          for (let i = buckets.length - 1; i >= 0 && value <= (buckets[i] as number); i--) {
            entry.counts[i] = (entry.counts[i] as number) + 1;
          }
          entry.sum += value;
          entry.count++;
        },
      };
    },
    describe: () => described,
    async render() {
      return `${(await Promise.all(families.map((one) => one()))).join('\n')}\n`;
    },
  };
}

function render(names: readonly string[], values: LabelValues): string {
  return names.length === 0
    ? ''
    : `{${names.map((name, i) => `${name}="${escapeLabel(values[i] ?? '')}"`).join(',')}}`;
}

function escapeLabel(value: string): string {
  return value.replace(/[\\"\n]/g, (c) => (c === '\n' ? '\\n' : `\\${c}`));
}

function escapeHelp(text: string): string {
  return text.replace(/[\\\n]/g, (c) => (c === '\n' ? '\\n' : '\\\\'));
}
