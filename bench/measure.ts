/** What one run gave, by name of the figure; NaN where the system does not tell. */
export type Figures = Readonly<Record<string, number>>;

/** How a closed loop is run. */
export interface LoadOptions {
  /** Callers that each wait for their answer before they call again. */
  readonly callers: number;
  /** How long to run, in milliseconds. */
  readonly durationMs: number;
  /** Count calls that fail instead of giving up. */
  readonly tolerant?: boolean;
}

/**
 * Runs a closed loop of callers for a while: `calls`, `errors`, `callsPerSecond`, `p50Ms`, `p99Ms`.
 */
export async function closedLoop(
  call: () => Promise<unknown>,
  { callers, durationMs, tolerant = false }: LoadOptions,
): Promise<Figures> {
  const latencies: number[] = [];
  let errors = 0;
  const startedAt = performance.now();
  const until = startedAt + durationMs;
  async function caller(): Promise<void> {
    for (let before = performance.now(); before < until;) {
      try {
        await call();
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

/** Nearest-rank quantile of sorted values. */
export function quantile(sorted: Float64Array, q: number): number {
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? NaN;
}

/** The middle one of some values. */
export function median(values: Iterable<number>): number {
  return quantile(Float64Array.from(values).sort(), 0.5);
}

/** The median of each figure over several runs. */
export function medianOf(runs: readonly Figures[]): Figures {
  const keys = Object.keys(runs[0] ?? {});
  return Object.fromEntries(keys.map((key) => [key, median(runs.map((it) => it[key] ?? NaN))]));
}
