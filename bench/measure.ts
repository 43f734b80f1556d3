/** What one run of a workload gave. */
export interface Measurement {
  readonly callsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** How a workload is run. */
export interface LoadOptions {
  /** Callers that each wait for their answer before they call again. */
  readonly callers: number;
  /** How long to run, in milliseconds. */
  readonly durationMs: number;
}

/** Runs a closed loop of callers for a while and measures each call. */
export async function measure(
  call: () => Promise<unknown>,
  { callers, durationMs }: LoadOptions,
): Promise<Measurement> {
  const latencies: number[] = [];
  const startedAt = performance.now();
  const until = startedAt + durationMs;
  async function caller(): Promise<void> {
    for (let before = performance.now(); before < until;) {
      await call();
      const after = performance.now();
      latencies.push(after - before);
      before = after;
    }
  }
  await Promise.all(Array.from({ length: callers }, caller));
  const elapsedMs = performance.now() - startedAt;
  const sorted = Float64Array.from(latencies).sort();
  return {
    callsPerSecond: latencies.length / (elapsedMs / 1000),
    p50Ms: quantile(sorted, 0.5),
    p99Ms: quantile(sorted, 0.99),
  };
}

/** Nearest-rank quantile of sorted values. */
function quantile(sorted: Float64Array, q: number): number {
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? NaN;
}

/** The median of each figure over several runs. */
export function medianOf(runs: readonly Measurement[]): Measurement {
  const median = (pick: (run: Measurement) => number): number =>
    quantile(Float64Array.from(runs, pick).sort(), 0.5);
  return {
    callsPerSecond: median((it) => it.callsPerSecond),
    p50Ms: median((it) => it.p50Ms),
    p99Ms: median((it) => it.p99Ms),
  };
}
