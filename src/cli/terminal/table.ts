import type { Paint, Style } from "./styles.ts";
import { fitText, textWidth } from "./text_width.ts";

/** A column of a table. */
export interface Column {
  readonly name: string;
  readonly align?: "right";
  /** The least width to which the column is cut. If omitted, 6. */
  readonly minWidth?: number;
  /**
   * The order in which columns are left out of a terminal that is too narrow for their least
   * widths: 1 goes first. If omitted, the column stays.
   */
  readonly leaves?: number;
}

/** A cell: a text of one line that is safe in a terminal, and its style. */
export type Cell = string | { readonly text: string; readonly style: Style };

/** Options of {@link Table}. */
export interface TableOptions {
  readonly paint: Paint;
  /** The columns of the terminal; undefined to cut nothing. */
  readonly width?: number | undefined;
}

/** The columns between two columns. */
export const GAP = 2;
/** A column is not made narrower than that. */
const MIN_WIDTH = 6;

/**
 * A table of texts. In a terminal, columns are left out until the least widths of the others fit,
 * and then the widest are cut. The first column stays as it is, since its ids are copied. A line in
 * which only the first column has room has no other.
 */
export class Table {
  readonly #columns: readonly Column[];
  readonly #options: TableOptions;
  #widths: readonly number[] | undefined;

  constructor(columns: readonly Column[], options: TableOptions) {
    this.#columns = columns;
    this.#options = options;
  }

  /**
   * Returns the lines of rows. Before the first ones is the head, and they decide the widths; a
   * width of 0 leaves its column out.
   */
  lines(rows: readonly (readonly Cell[])[]): string[] {
    const head = this.#columns.map(({ name }): Cell => ({ text: name, style: "bold" }));
    const isFirst = this.#widths === undefined;
    this.#widths ??= this.#fit([head, ...rows]);
    const widths = this.#widths;
    return (isFirst ? [head, ...rows] : rows).map((row) => this.#line(row, widths));
  }

  #fit(rows: readonly (readonly Cell[])[]): number[] {
    const { width = Infinity } = this.#options;
    const widths = this.#columns.map((_, i) => Math.max(...rows.map((row) => widthOf(row[i]))));
    const least = widths.map((it, i) => {
      return i === 0 ? it : Math.min(it, this.#columns[i]?.minWidth ?? MIN_WIDTH);
    });
    const leaving = this.#columns.flatMap(({ leaves }, i) => leaves ? [{ leaves, i }] : [])
      .sort((a, b) => a.leaves - b.leaves);
    const left: { readonly i: number; readonly own: number; readonly ownLeast: number }[] = [];
    for (const { i } of leaving) {
      if (totalOf(least) <= width) break;
      left.unshift({ i, own: widths[i] ?? 0, ownLeast: least[i] ?? 0 });
      widths[i] = least[i] = 0;
    }
    // A narrow column may have room where a wide one that stays longer has none.
    for (const { i, own, ownLeast } of left) {
      if (totalOf(least) + GAP + ownLeast > width) continue;
      widths[i] = own;
      least[i] = ownLeast;
    }
    for (let over = totalOf(widths) - width; over > 0; over = totalOf(widths) - width) {
      const cut = widths.map((it, i) => it > (least[i] ?? 0) ? it : 0);
      const widest = cut.indexOf(Math.max(...cut));
      const current = cut[widest] ?? 0;
      if (current === 0) break;
      widths[widest] = Math.max(least[widest] ?? 0, current - over);
    }
    return widths;
  }

  #line(row: readonly Cell[], widths: readonly number[]): string {
    const { paint, width = Infinity } = this.#options;
    let line = "";
    let used = 0;
    const last = row.findLastIndex((_, i) => (widths[i] ?? 0) > 0);
    for (const [i, cell] of row.entries()) {
      if (widths[i] === 0) continue;
      const isLast = i === last;
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

/** Returns the columns that columns of these widths take, with the gaps between them. */
function totalOf(widths: readonly number[]): number {
  return widths.reduce((sum, it) => it === 0 ? sum : sum + it + GAP, -GAP);
}

function textOf(cell: Cell | undefined): string {
  return typeof cell === "object" ? cell.text : cell ?? "";
}

function widthOf(cell: Cell | undefined): number {
  return textWidth(textOf(cell));
}
