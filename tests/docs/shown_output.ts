/** The parts of output that differ between runs, and their replacements for a comparison. */
const VARYING: readonly [RegExp, string][] = [
  [/\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b[0-9a-f]{8}-[0-9a-z]+\b/g, "ID"],
  [/\b\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME"],
  [/("\w*(?:Ms|[Bb]ytes|pid)":)-?[\d.]+/g, "$1N"],
  [/\bdefault-\d+\b/g, "default-N"],
  [/(?<![\w.])\d+\.\d+(?![\w.])/g, "N"],
];

/**
 * Tells whether a page shows what a command has written. `…` stands for any text, and white space
 * does not count. Identifiers, times, durations, sizes and fractions differ from run to run.
 */
export function isShown(shown: string, actual: string): boolean {
  const parts = withoutVarying(shown).split("…").map((it) => RegExp.escape(it));
  return new RegExp(`^${parts.join("[^]*")}$`).test(withoutVarying(actual));
}

function withoutVarying(text: string): string {
  const dense = text.replace(/\s+/g, "");
  return VARYING.reduce((result, [pattern, sign]) => result.replace(pattern, sign), dense);
}
