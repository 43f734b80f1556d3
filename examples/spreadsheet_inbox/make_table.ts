/**
 * Writes a table of test data: every tenth row is wrong, and one kills the worker that checks it.
 *
 *     deno run examples/spreadsheet_inbox/make_table.ts [ROWS [COLUMNS [CRASH_ROW]]] > table.csv
 *
 * By default 10,000 rows with 30 columns, of which row 5,000 crashes. 400,000 rows are 200 MB.
 */
const [rows = 10_000, columns = 30, crashRow = Math.ceil(rows / 2)] = Deno.args.map(Number);
const COUNTRIES = ["DE", "FR", "IT", "PL"];

/** The text of a column that no schema knows; some have commas, quotes and line breaks. */
function textOf(row: number, column: number): string {
  if (row % 50 === 0 && column === 1) return `"a ""note"",\n${row}"`;
  return `text ${row}-${column}`.padEnd(17, ".");
}

function lineOf(row: number): string {
  const wrong = row % 10 === 0 ? (row / 10) % 3 : undefined;
  const cells = [
    row,
    wrong === 0 ? "XX" : COUNTRIES[row % COUNTRIES.length],
    wrong === 1 ? "-1" : (row * 7 % 100_000) / 100,
    wrong === 2 ? "2026-02-30" : `2026-${String(row % 12 + 1).padStart(2, "0")}-15`,
    row === crashRow ? "CRASH" : "",
  ];
  const texts = Array.from({ length: columns - cells.length }, (_, i) => textOf(row, i));
  return `${[...cells, ...texts].join(",")}\n`;
}

const names = ["id", "country", "amount", "due", "note"];
const header = [...names, ...Array.from({ length: columns - names.length }, (_, i) => `text_${i}`)];
const table = new ReadableStream<string>({
  start: (controller) => controller.enqueue(`${header.join(",")}\n`),
  pull: next(),
});
await table.pipeThrough(new TextEncoderStream()).pipeTo(Deno.stdout.writable);

/** Returns a function that writes the next thousand rows. */
function next(): (controller: ReadableStreamDefaultController<string>) => void {
  let row = 0;
  return (controller) => {
    let text = "";
    for (let i = 0; i < 1_000 && row < rows; i++) text += lineOf(++row);
    if (text !== "") controller.enqueue(text);
    if (row >= rows) controller.close();
  };
}
