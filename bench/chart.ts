import type { Column, Result, Row } from "./workload.ts";
import { formatted, titleOf } from "./table.ts";

/** The ratio of values above which the axis is logarithmic. */
const LOG_FROM = 20;
const WIDTH = 560;
const LABEL_WIDTH = 96;
const VALUE_WIDTH = 62;
const BAR_HEIGHT = 14;
const BAR_GAP = 3;
const GROUP_GAP = 12;
const AXIS_HEIGHT = 22;
const PLOT_WIDTH = WIDTH - LABEL_WIDTH - VALUE_WIDTH;

/**
 * Returns every chart of a result, as a figure with an SVG. `colours` has the class of each
 * contender.
 */
export function chartsOf(result: Result, colours: ReadonlyMap<string, string>): string {
  return result.columns.filter((it) => it.chart).map((column) => chartOf(result, column, colours))
    .join("\n");
}

/** An axis: the places of values on it, and its ticks. */
export interface Axis {
  readonly isLog: boolean;
  readonly ticks: readonly number[];
  /** Returns the place of a value, from 0 to 1. */
  readonly position: (value: number) => number;
}

/**
 * Returns a linear axis from 0, or a logarithmic one over whole decades if the values are far
 * apart.
 */
export function axisFor(values: readonly number[]): Axis {
  const positive = values.filter((it) => Number.isFinite(it) && it > 0);
  const [low, high] = [Math.min(...positive), Math.max(...positive)];
  if (positive.length === 0) return { isLog: false, ticks: [0], position: () => 0 };
  if (high / low > LOG_FROM) {
    // A whole decade below the smallest, so that its bar can be seen.
    const from = Math.floor(Math.log10(low) - 0.15);
    const to = Math.log10(high);
    const ticks = Array.from({ length: Math.floor(to) - from + 1 }, (_, i) => 10 ** (from + i));
    return {
      isLog: true,
      ticks,
      position: (value) => value > 0 ? Math.max(0, (Math.log10(value) - from) / (to - from)) : 0,
    };
  }
  const step = niceStep(high / 4);
  const ticks = Array.from({ length: Math.floor(high / step) + 1 }, (_, i) => i * step);
  return { isLog: false, ticks, position: (value) => Math.max(0, value / high) };
}

/** The next of 1, 2, 5, 10, 20, ... */
function niceStep(value: number): number {
  const decade = 10 ** Math.floor(Math.log10(value));
  return decade * ([1, 2, 5].find((it) => it * decade >= value) ?? 10);
}

function chartOf(result: Result, column: Column, colours: ReadonlyMap<string, string>): string {
  const rows = result.rows.filter((it) => Number.isFinite(it.figures[column.key]));
  const axis = axisFor(rows.map((it) => it.figures[column.key] ?? NaN));
  const groups = Map.groupBy(rows, (it) => it.variant);
  const parts: string[] = [];
  let y = 4;
  for (const [variant, members] of groups) {
    const height = members.length * (BAR_HEIGHT + BAR_GAP);
    parts.push(text(LABEL_WIDTH - 10, y + height / 2, shortLabel(variant), "label"));
    for (const row of members) {
      parts.push(bar(row, column, axis, y, colours.get(row.contender) ?? ""));
      y += BAR_HEIGHT + BAR_GAP;
    }
    y += GROUP_GAP;
  }
  const bottom = y - GROUP_GAP + 4;
  const grid = axis.ticks.map((tick) => {
    const x = (LABEL_WIDTH + axis.position(tick) * PLOT_WIDTH).toFixed(1);
    return `<line class="grid" x1="${x}" x2="${x}" y1="0" y2="${bottom}"/>` +
      text(Number(x), bottom + 14, shortNumber(tick), "tick");
  });
  const better = column.better === "more" ? "longer is better" : "shorter is better";
  const caption = `${titleOf(column)} by ${result.variants} · ${better}${
    axis.isLog ? " · logarithmic" : ""
  }`;
  return [
    `<figure><figcaption>${escaped(caption)}</figcaption>`,
    `<svg viewBox="0 0 ${WIDTH} ${bottom + AXIS_HEIGHT}" role="img" aria-label="${
      escaped(caption)
    }">`,
    ...grid,
    ...parts,
    `</svg></figure>`,
  ].join("\n");
}

function bar(row: Row, column: Column, axis: Axis, y: number, colour: string): string {
  const value = row.figures[column.key] ?? NaN;
  const width = Math.max(1.5, axis.position(value) * PLOT_WIDTH);
  const unit = column.unit === "" ? "" : ` ${column.unit}`;
  const title = `${row.contender}, ${row.variant}: ${formatted(value)}${unit}`;
  return `<rect class="${colour}" x="${LABEL_WIDTH}" y="${y}" width="${width.toFixed(1)}" ` +
    `height="${BAR_HEIGHT}" rx="2"><title>${escaped(title)}</title></rect>` +
    text(LABEL_WIDTH + width + 5, y + BAR_HEIGHT / 2, formatted(value), "value");
}

function text(x: number, y: number, content: string, kind: string): string {
  return `<text class="${kind}" x="${x.toFixed(1)}" y="${y.toFixed(1)}" dy="0.35em">${
    escaped(content)
  }</text>`;
}

function shortLabel(variant: string): string {
  return variant.length > 15 ? variant.replace(",000 queued", "k queued") : variant;
}

function shortNumber(value: number): string {
  if (value >= 1e6) return `${value / 1e6}M`;
  if (value >= 1e3) return `${value / 1e3}k`;
  return `${Number(value.toPrecision(3))}`;
}

/** Text as it may stand in HTML. */
export function escaped(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
