import type { Bench } from "./bench.ts";
import type { Figures } from "./measure.ts";

/** One measured quantity: a column of the table, and a chart when it says so. */
export interface Column {
  /** Which of the figures of a row. */
  readonly key: string;
  readonly title: string;
  /** Such as `calls/s` or `ms`; empty when the title says it. */
  readonly unit: string;
  readonly better: "more" | "less";
  readonly chart?: boolean;
  /** A ratio to Snakeden's figure would say nothing. */
  readonly isAbsolute?: boolean;
}

/** What one contender did in one variant of a workload. */
export interface Row {
  readonly contender: string;
  readonly variant: string;
  readonly figures: Figures;
}

/** The outcome of a workload: a table. */
export interface Result {
  readonly workload: string;
  readonly title: string;
  /** What was measured, in a sentence or two. */
  readonly about: string;
  /** Head of the column of variants. */
  readonly variants: string;
  readonly columns: readonly Column[];
  readonly rows: readonly Row[];
}

/** Something to do that all its contenders do alike. */
export interface Workload {
  readonly name: string;
  /** For the help. */
  readonly summary: string;
  /** Whom it measures. */
  readonly contenders: readonly string[];
  run(bench: Bench): Promise<Result[]>;
}

/** Rows of one variant from the medians of {@link Bench.interleave}. */
export function rowsOf(variant: string, medians: ReadonlyMap<string, Figures>): Row[] {
  return [...medians].map(([contender, figures]) => ({ contender, variant, figures }));
}
