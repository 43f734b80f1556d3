import type { Skipped } from "./bench.ts";
import type { Column, Result, Row } from "./workload.ts";

/**
 * Returns a result as a Markdown table. Figures of peers also have their ratio to Snakeden's in the
 * same variant.
 */
export function markdownOf(result: Result): string {
  const head = [result.variants, "contender", ...result.columns.map(titleOf)];
  const body = result.rows.map((row) => [
    row.variant,
    row.contender,
    ...result.columns.map((column) => cellOf(result, row, column)),
  ]);
  return [
    `## ${result.title}`,
    "",
    result.about,
    "",
    ...alignedTable([head, ...body]),
    "",
  ].join("\n");
}

/** Lists the contenders that are missing, with the reasons. */
export function skippedMarkdown(skipped: readonly Skipped[]): string {
  if (skipped.length === 0) return "";
  return ["## Skipped", "", ...skipped.map((it) => `- ${it.contender}: ${it.reason}`), ""].join(
    "\n",
  );
}

/** Returns title and unit of a column. */
export function titleOf({ title, unit }: Column): string {
  return unit === "" || unit === title ? title : `${title}, ${unit}`;
}

/** Returns the figure as text, with its ratio to Snakeden's if there is one. */
export function cellOf(result: Result, row: Row, { key, isAbsolute }: Column): string {
  const value = row.figures[key] ?? NaN;
  if (isAbsolute) return formatted(value);
  const baseline = result.rows.find((it) => it.variant === row.variant && isBaseline(it));
  // Some contenders have variants of their own, such as a number of processes.
  const snakeden = (baseline ?? result.rows.find(isBaseline))?.figures[key] ?? NaN;
  const ratio = value / snakeden;
  const isShown = !isBaseline(row) && Number.isFinite(ratio) && snakeden > 0;
  return isShown ? `${formatted(value)} (${shortRatio(ratio)}×)` : formatted(value);
}

/** Formats a number with three significant digits, or as a dash if there is none. */
export function formatted(value: number): string {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size >= 100 || Number.isInteger(value)) return Math.round(value).toLocaleString("en");
  return value.toFixed(size >= 10 ? 1 : size >= 1 ? 2 : 3);
}

function shortRatio(ratio: number): string {
  if (ratio >= 10) return ratio.toFixed(ratio >= 100 ? 0 : 1);
  return ratio >= 0.095 ? ratio.toFixed(2) : Number(ratio.toPrecision(1)).toString();
}

function isBaseline({ contender }: Row): boolean {
  return contender.startsWith("snakeden");
}

/**
 * Aligns the second column to the left and all others to the right. Cells are padded, so that the
 * table can be read unrendered.
 */
function alignedTable([head = [], ...body]: readonly (readonly string[])[]): string[] {
  const widths = head.map((title, i) =>
    Math.max(3, title.length, ...body.map((row) => row[i]?.length ?? 0))
  );
  const line = (row: readonly string[]): string =>
    `| ${
      row.map((cell, i) => i === 1 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))
        .join(" | ")
    } |`;
  const rule = widths.map((width, i) => i === 1 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`);
  return [line(head), line(rule), ...body.map(line)];
}
