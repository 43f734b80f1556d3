import type { Skipped } from "./bench.ts";
import { chartsOf, escaped } from "./chart.ts";
import { type Machine, machineLine } from "./machine.ts";
import { cellOf, titleOf } from "./table.ts";
import type { Result } from "./workload.ts";

/**
 * Returns one page with everything in it: charts first, the tables behind a click. The page loads
 * nothing.
 */
export function pageOf(
  machine: Machine,
  results: readonly Result[],
  skipped: readonly Skipped[],
): string {
  const colours = colourClasses(results);
  const sections = results.map((result) => sectionOf(result, colours));
  const missing = skipped.map((it) => `<li>${escaped(`${it.contender}: ${it.reason}`)}</li>`);
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Snakeden and its peers</title>
<style>${STYLE}</style>
<main>
<h1>Snakeden and its peers</h1>
<p>${escaped(machineLine(machine))}<br>${
    escaped(machine.date)
  }. Medians of rounds in which all take turns.</p>
${sections.join("\n")}
${missing.length === 0 ? "" : `<section><h2>Skipped</h2><ul>${missing.join("")}</ul></section>`}
</main>
</html>
`;
}

/** Gives each contender one colour on the whole page. Both forms of Snakeden have the same. */
function colourClasses(results: readonly Result[]): Map<string, string> {
  const names = new Set(results.flatMap(({ rows }) => rows.map((it) => it.contender)));
  const peers = [...names].filter((it) => !it.startsWith("snakeden"));
  return new Map(
    [...names].map((
      name,
    ) => [name, name.startsWith("snakeden") ? "c0" : `c${1 + peers.indexOf(name) % 5}`]),
  );
}

function sectionOf(result: Result, colours: ReadonlyMap<string, string>): string {
  const contenders = [...new Set(result.rows.map((it) => it.contender))];
  const legend = contenders.map((name) =>
    `<li><span class="${colours.get(name) ?? ""}"></span>${escaped(name)}</li>`
  );
  return [
    `<section><h2>${escaped(result.title)}</h2><p>${escaped(result.about)}</p>`,
    contenders.length < 2 ? "" : `<ul class="legend">${legend.join("")}</ul>`,
    `<div class="charts">${chartsOf(result, colours)}</div>`,
    `<details><summary>All figures</summary>${tableOf(result)}</details></section>`,
  ].join("\n");
}

function tableOf(result: Result): string {
  const head = [result.variants, "contender", ...result.columns.map(titleOf)];
  const rows = result.rows.map((row) => [
    row.variant,
    row.contender,
    ...result.columns.map((column) => cellOf(result, row, column)),
  ]);
  const line = (tag: string, cells: readonly string[]): string =>
    `<tr>${cells.map((it) => `<${tag}>${escaped(it)}</${tag}>`).join("")}</tr>`;
  return `<div class="scroll"><table>${line("th", head)}${
    rows.map((it) => line("td", it)).join("")
  }</table></div>`;
}

const STYLE = `
:root { color-scheme: light dark; --bg: #fcfcfb; --panel: #fff; --text: #1c1f1d; --soft: #5d6660; --line: #e2e5e2;
  --c0: #1a7f4b; --c1: #4a6fd0; --c2: #d08a1e; --c3: #8f9893; --c4: #b0508f; --c5: #2a98a8; }
@media (prefers-color-scheme: dark) { :root { --bg: #131614; --panel: #1a1e1c; --text: #e8ebe9; --soft: #9aa49e;
  --line: #2c322f; --c0: #3fbf7f; --c1: #7f9cf0; --c2: #e5ab4f; --c3: #77817b; --c4: #d580b8; --c5: #52bccb; } }
body { margin: 0; background: var(--bg); color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 32px 20px 60px; }
h1 { font-size: 26px; margin: 0 0 4px; } h2 { font-size: 18px; margin: 0; }
p { margin: 4px 0 12px; color: var(--soft); max-width: 90ch; }
section { background: var(--panel); border: 1px solid var(--line); border-radius: 10px; padding: 18px 20px; margin-top: 18px; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 440px), 1fr)); gap: 18px 28px; }
figure { margin: 0; } figcaption { font-size: 13px; font-weight: 600; margin-bottom: 6px; }
svg { width: 100%; max-width: 640px; height: auto; display: block; }
text { fill: var(--text); font-size: 11px; } .label { text-anchor: end; } .value { fill: var(--soft); }
.tick { fill: var(--soft); text-anchor: middle; font-size: 10px; } .grid { stroke: var(--line); }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; list-style: none; margin: 0 0 12px; padding: 0; font-size: 13px; }
.legend span { display: inline-block; width: 11px; height: 11px; border-radius: 3px; margin-right: 6px; }
${
  [0, 1, 2, 3, 4, 5].map((i) =>
    `rect.c${i} { fill: var(--c${i}); } span.c${i} { background: var(--c${i}); }`
  ).join("\n")
}
details { margin-top: 12px; } summary { cursor: pointer; color: var(--soft); font-size: 13px; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; margin-top: 8px; font-size: 13px; font-variant-numeric: tabular-nums; }
th, td { padding: 3px 12px; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:nth-child(2), td:nth-child(2) { text-align: left; }
`;
