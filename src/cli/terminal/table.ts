import type { Paint, Style } from "./styles.ts";
import { fitText, textWidth } from "./text_width.ts";

/** A column of a table. */
export interface Column {
  readonly name: string;
  readonly align?: "right";
}

/** A cell: a text of one line that is safe in a terminal, and its style. */
export type Cell = string | { readonly text: string; readonly style: Style };

/** Options of {@link Table}. */
export interface TableOptions {
  readonly paint: Paint;
  /** The columns of the terminal; undefined to cut nothing. */
  readonly width?: number | undefined;
}

const GAP = 2;
/** A column is not made narrower than that. */
const MIN_WIDTH = 6;

/**
 * A table of texts. In a terminal, the widest columns are cut until a line fits; the first column
 * never is, since its ids are copied. A line in which only the first column has room has no other.
 */
export class Table {
  readonly #columns: readonly Column[];
  readonly #options: TableOptions;
  #widths: readonly number[] | undefined;

  constructor(columns: readonly Column[], options: TableOptions) {
    this.#columns = columns;
    this.#options = options;
  }

  /** Returns the lines of rows. Before the first ones is the head, and they decide the widths. */
  lines(rows: readonly (readonly Cell[])[]): string[] {
    const head = this.#columns.map(({ name }): Cell => ({ text: name, style: "bold" }));
    const isFirst = this.#widths === undefined;
    this.#widths ??= this.#fit([head, ...rows]);
    const widths = this.#widths;
    return (isFirst ? [head, ...rows] : rows).map((row) => this.#line(row, widths));
  }

  #fit(rows: readonly (readonly Cell[])[]): number[] {
    const widths = this.#columns.map((_, i) => Math.max(...rows.map((row) => widthOf(row[i]))));
    const { width = Infinity } = this.#options;
    let total = widths.reduce((sum, it) => sum + it + GAP, -GAP);
    while (total > width) {
      const widest = widths.reduce((at, it, i) => i > 0 && it > (widths[at] ?? 0) ? i : at, 1);
      const current = widths[widest] ?? 0;
      if (current <= MIN_WIDTH) break;
      const next = Math.max(MIN_WIDTH, current - (total - width));
      widths[widest] = next;
      total -= current - next;
    }
    return widths;
  }

  #line(row: readonly Cell[], widths: readonly number[]): string {
    const { paint, width = Infinity } = this.#options;
    let line = "";
    let used = 0;
    for (const [i, cell] of row.entries()) {
      const isLast = i === row.length - 1;
      const gap = i === 0 ? 0 : GAP;
      const room = i === 0 ? Infinity : Math.min(widths[i] ?? 0, width - used - gap);
      if (room < 1) break;
      const own = textOf(cell);
      // Later rows may be wider than the first ones. Without a width, nothing is cut.
      const text = width === Infinity ? own : fitText(own, room);
      const pad = " ".repeat(Math.max(0, (widths[i] ?? 0) - textWidth(text)));
      const shown = typeof cell === "string" ? text : paint(cell.style, text);
      const isRight = this.#columns[i]?.align === "right";
      line += " ".repeat(gap) + (isRight ? pad + shown : isLast ? shown : shown + pad);
      used += gap + Math.max(widths[i] ?? 0, textWidth(text));
    }
    return line.trimEnd();
  }
}

function textOf(cell: Cell | undefined): string {
  return typeof cell === "object" ? cell.text : cell ?? "";
}

function widthOf(cell: Cell | undefined): number {
  return textWidth(textOf(cell));
}
