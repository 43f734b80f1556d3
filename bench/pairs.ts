import type { Bench, Subject } from "./bench.ts";
import { type Figures, median, medianOf } from "./measure.ts";
import { type Row, rowsOf } from "./workload.ts";

/** Rounds are short and many, so that those in a pair meet the same machine. */
const PACE = { rounds: 15, warmUpMs: 500, roundMs: 300 };

/**
 * Measures subjects in turn. `costPercent` of each is what it takes more time than the first one,
 * as the median of pairs of rounds. The time is p50 for one caller, and follows from the rate for
 * many.
 */
export async function pairs(
  bench: Bench,
  subjects: readonly Subject[],
  callers: number,
): Promise<Row[]> {
  const rounds = new Map<string, Figures[]>(subjects.map(({ name }) => [name, []]));
  const noted = subjects.map(({ name, measure }): Subject => ({
    name,
    measure: async (round) => {
      const figures = await measure(round);
      if (!round.isWarmUp) rounds.get(name)?.push(figures);
      return figures;
    },
  }));
  await bench.interleave(noted, bench.pace.quick ? { ...PACE, rounds: 5 } : PACE);
  const time = (figures: Figures | undefined): number =>
    callers === 1 ? figures?.p50Ms ?? NaN : 1000 / (figures?.callsPerSecond ?? NaN);
  const [base = []] = rounds.values();
  return [...rounds].filter(([, measured]) => measured.length > 0).flatMap(([name, measured]) => {
    const costs = measured.map((it, i) => 100 * (time(it) / time(base[i]) - 1));
    const costPercent = measured === base ? NaN : median(costs);
    return rowsOf(name, new Map([["snakeden", { ...medianOf(measured), costPercent }]]));
  });
}
