/** The figures of one run, by name. A figure that the system does not report is NaN. */
export type Figures = Readonly<Record<string, number>>;

/** Options of a closed loop. */
export interface LoadOptions {
  /** The number of callers. Each waits for its answer before it calls again. */
  readonly callers: number;
  /** The time to run, in milliseconds. */
  readonly durationMs: number;
  /** If true, failed calls are counted; otherwise the first one ends the run. */
  readonly tolerant?: boolean;
}

/**
 * Runs a closed loop of callers, numbered from 0. Returns `calls`, `errors`, `callsPerSecond`,
 * `p50Ms` and `p99Ms`.
 */
export async function closedLoop(
  call: (caller: number) => Promise<unknown>,
  { callers, durationMs, tolerant = false }: LoadOptions,
): Promise<Figures> {
  const latencies: number[] = [];
  let errors = 0;
  const startedAt = performance.now();
  const until = startedAt + durationMs;
  async function caller(_: unknown, number: number): Promise<void> {
    for (let before = performance.now(); before < until;) {
      try {
        await call(number);
      } catch (error) {
        if (!tolerant) throw error;
        errors++;
      }
      const after = performance.now();
      latencies.push(after - before);
      before = after;
    }
  }
  await Promise.all(Array.from({ length: callers }, caller));
  const seconds = (performance.now() - startedAt) / 1000;
  const sorted = Float64Array.from(latencies).sort();
  return {
    calls: sorted.length,
    errors,
    callsPerSecond: sorted.length / seconds,
    p50Ms: quantile(sorted, 0.5),
    p99Ms: quantile(sorted, 0.99),
  };
}

/** Returns the nearest-rank quantile of sorted values. */
export function quantile(sorted: Float64Array, q: number): number {
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? NaN;
}

/** Returns the median of some values. */
export function median(values: Iterable<number>): number {
  return quantile(Float64Array.from(values).sort(), 0.5);
}

/** Returns the median of each figure over several runs. */
export function medianOf(runs: readonly Figures[]): Figures {
  const keys = Object.keys(runs[0] ?? {});
  return Object.fromEntries(keys.map((key) => [key, median(runs.map((it) => it[key] ?? NaN))]));
}
