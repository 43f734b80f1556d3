/**
 * The format of requirements files as pip reads it (pip/_internal/req/req_file.py). A property test
 * compares the two. Snakeden reads the files only to identify an environment, so it accepts lines
 * that pip refuses.
 */

/** White space as Python defines it. JavaScript counts U+FEFF as well. */
const SPACE = "[ \\t\\x1f\\xa0\\u1680\\u2000-\\u200a\\u202f\\u205f\\u3000]";
// deno-lint-ignore no-control-regex
const LINE_END = /\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/;
// Matches only from the start of a run of spaces: matching from every space would take quadratic
// time.
const COMMENT = new RegExp(`(?:^|(?<!${SPACE})${SPACE}+)#.*$`);
const IS_COMMENT = new RegExp(`^${SPACE}*#`);
const MARGIN = new RegExp(`^${SPACE}+|(?<!${SPACE})${SPACE}+$`, "g");
const VARIABLE = /\$\{([A-Z0-9_]+)\}/g;

/** Options that take a value, with their short names and their shortest unambiguous spellings. */
const WITH_VALUE: readonly {
  readonly short: string;
  readonly long: string;
  readonly min: number;
}[] = [
  { short: "r", long: "requirement", min: 8 },
  { short: "c", long: "constraint", min: 4 },
  { short: "e", long: "editable", min: 2 },
  { short: "f", long: "find-links", min: 1 },
  { short: "i", long: "index-url", min: 1 },
];

/**
 * Returns the effective lines: joined after a backslash, without comments, and with variables
 * filled in.
 */
export function logicalLines(text: string, env: Readonly<Record<string, string>>): string[] {
  return joined(text.split(LINE_END))
    .map((it) => it.replace(COMMENT, "").replace(MARGIN, ""))
    .filter((it) => it !== "")
    .map((it) => it.replaceAll(VARIABLE, (variable, name) => env[name] || variable));
}

/** Returns the names of the variables in a text. */
export function variablesIn(text: string): string[] {
  return Array.from(text.matchAll(VARIABLE), ([, name]) => name ?? "");
}

function joined(lines: readonly string[]): string[] {
  const whole: string[] = [];
  let begun: string | undefined;
  for (const line of lines) {
    const isComment = IS_COMMENT.test(line);
    if (line.endsWith("\\") && !isComment) {
      begun = (begun ?? "") + line.replace(/^\\+|\\+$/g, "");
      continue;
    }
    whole.push((begun ?? "") + (isComment ? ` ${line}` : line));
    begun = undefined;
  }
  return begun === undefined ? whole : [...whole, begun];
}

/** Returns the file that a line includes; undefined if the line is something else. */
export function includeOf(line: string): { kind: "-r" | "-c"; path: string } | undefined {
  // A line that begins with a requirement only has options of that requirement.
  if (!line.startsWith("-")) return undefined;
  const words = shellWords(line);
  if (words === undefined) return undefined;
  const values = new Map<string, string>();
  for (let i = 0; i < words.length && words[i] !== "--"; i++) {
    const { name, value } = optionOf(words[i] ?? "") ?? {};
    if (name === undefined) continue;
    const given = value ?? words[++i];
    if (given !== undefined && !values.has(name)) values.set(name, given);
  }
  if (values.has("e")) return undefined;
  for (const [name, kind] of [["r", "-r"], ["c", "-c"]] as const) {
    const path = values.get(name);
    if (path !== undefined) return { kind, path };
  }
  return undefined;
}

/** Reads an option and its value, which is part of the same word or the next word. */
function optionOf(word: string): { name: string; value: string | undefined } | undefined {
  const [, long, longValue] = /^--([^=]+)(?:=(.*))?$/s.exec(word) ?? [];
  if (long !== undefined) {
    const found = WITH_VALUE.find((it) => it.long.startsWith(long) && long.length >= it.min);
    return found && { name: found.short, value: longValue };
  }
  if (!word.startsWith("-")) return undefined;
  const found = WITH_VALUE.find((it) => it.short === word[1]);
  return found && { name: found.short, value: word.slice(2) || undefined };
}

/**
 * Splits a text into words as a shell does: `"a b"`, `'a b'` and `a\ b` are one word. Returns
 * undefined when a quote is not closed.
 */
export function shellWords(text: string): string[] | undefined {
  const words: string[] = [];
  const pattern = /[ \t\r\n]+|((?:[^ \t\r\n"'\\]|\\[^]|"(?:[^"\\]|\\[^])*"|'[^']*')+)|([^])/g;
  for (const [, word, broken] of text.matchAll(pattern)) {
    if (broken !== undefined) return undefined;
    if (word !== undefined) words.push(unquoted(word));
  }
  return words;
}

function unquoted(word: string): string {
  return word.replace(
    /"((?:[^"\\]|\\[^])*)"|'([^']*)'|\\([^])/g,
    (_, double, single, escaped) => double?.replace(/\\(["\\])/g, "$1") ?? single ?? escaped,
  );
}
