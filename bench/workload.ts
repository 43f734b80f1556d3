import type { Bench } from "./bench.ts";
import type { Figures } from "./measure.ts";

/** A measured quantity: a column of the table and, if `chart` is true, a chart. */
export interface Column {
  /** The name of the figure in a row. */
  readonly key: string;
  readonly title: string;
  /** The unit, such as `calls/s` or `ms`; empty if the title says it. */
  readonly unit: string;
  readonly better: "more" | "less";
  readonly chart?: boolean;
  /** True if a ratio to Snakeden's figure would say nothing. */
  readonly isAbsolute?: boolean;
}

/** The figures of one contender in one variant of a workload. */
export interface Row {
  readonly contender: string;
  readonly variant: string;
  readonly figures: Figures;
}

/** The outcome of a workload: a table. */
export interface Result {
  readonly workload: string;
  readonly title: string;
  /** One or two sentences on what was measured. */
  readonly about: string;
  /** The title of the column of variants. */
  readonly variants: string;
  readonly columns: readonly Column[];
  readonly rows: readonly Row[];
}

/** Work that all contenders do in the same way. */
export interface Workload {
  readonly name: string;
  /** The description in the help. */
  readonly summary: string;
  /** The contenders that it measures. */
  readonly contenders: readonly string[];
  run(bench: Bench): Promise<Result[]>;
}

/** Returns the rows of one variant, from the medians of {@link Bench.interleave}. */
export function rowsOf(variant: string, medians: ReadonlyMap<string, Figures>): Row[] {
  return [...medians].map(([contender, figures]) => ({ contender, variant, figures }));
}
