/**
 * Tests the comments of both languages: a doc comment begins with a verb or a noun, lines end at
 * column 100, and things have the names that the field gives them.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { ROOT } from "../scripts/dev_python.ts";

const PLACES = [
  "main.ts",
  "mod.ts",
  ...["bench", "examples", "proto", "python", "scripts", "src", "tests"],
];
const SOURCE = /\.(?:proto|py|ts)$/;
const MAX_COLUMNS = 100;
const SELF = "tests/comments_test.ts";
/** Comments for tools, which cannot be wrapped. */
const FOR_TOOLS = /^# (?:type: ignore|noqa)/;

interface Comment {
  /** Counted from 1. */
  readonly line: number;
  /** With its markers. */
  readonly text: string;
  /** True for a comment that describes the code that follows, or the file. */
  readonly isDoc: boolean;
}

function* filesIn(place: string): Generator<string> {
  if (!Deno.statSync(join(ROOT, place)).isDirectory) return yield place;
  for (const { name, isDirectory } of Deno.readDirSync(join(ROOT, place))) {
    if (name.startsWith(".") || name === "gen" || name === "__pycache__") continue;
    if (isDirectory || SOURCE.test(name)) yield* filesIn(`${place}/${name}`);
  }
}

/** A run of lines with nothing but a comment, or a comment after code. */
const SLASHES = String.raw`^[ \t]*\/\/.*(?:\n[ \t]*\/\/.*)*|(?<=\S[ \t]+)\/\/ [^"'\x60\n]*$`;
const TYPESCRIPT = new RegExp(String.raw`^[ \t]*\/\*[^]*?\*\/|${SLASHES}`, "gm");
const PROTO = new RegExp(SLASHES, "gm");
/** Also matches strings, so that their contents do not count as comments. */
const PYTHON =
  /#.*|[rbfu]{0,2}(?<quotes>"""|''')[^]*?(?<!\\)\k<quotes>|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/gi;

function* commentsOf(file: string, source: string): Generator<Comment> {
  const pattern = file.endsWith(".py") ? PYTHON : file.endsWith(".proto") ? PROTO : TYPESCRIPT;
  for (const { 0: text, index, groups } of source.matchAll(pattern)) {
    const before = source.slice(0, index);
    const line = before.split("\n").length;
    if (!file.endsWith(".py")) {
      const isDoc = file.endsWith(".proto") || text.trimStart().startsWith("/**");
      yield { line, text, isDoc };
    } else if (text.startsWith("#")) yield { line, text, isDoc: false };
    else if (groups?.["quotes"] !== undefined && isStatement(before)) {
      yield { line, text, isDoc: true };
    }
  }
}

/** Returns true if a string of Python that follows this text is a statement, and so a docstring. */
function isStatement(before: string): boolean {
  return /(?:^|\n)[ \t]*$/.test(before) && !/[(,=[{+\\]\s*$/.test(before);
}

/** Returns the first sentence of a comment, without markers. */
function firstSentence(text: string): string {
  const plain = text.replaceAll(/^[ \t]*(?:\/\*\*|\*\/|\*|\/\/|[rR]?"""|''')?[ \t]*/gm, "")
    .replaceAll(/\s+/g, " ").replace(/(?:\*\/|"""|''')$/, "").trim();
  return /^.*?[.?!](?=\s|$)/.exec(plain)?.[0] ?? plain;
}

/** Returns the line of a doc comment that opens with a question word and asks nothing. */
function questionLines({ line, text, isDoc }: Comment): number[] {
  const sentence = isDoc ? firstSentence(text) : "?";
  if (sentence.endsWith("?")) return [];
  return /^(?:What|Which|Who|How|When|Where|Whether|Why)\b/.test(sentence) ? [line] : [];
}

/** Returns the lines of a comment that are too long, except single words such as links. */
function longLines({ line, text }: Comment, source: string): number[] {
  if (FOR_TOOLS.test(text)) return [];
  const lines = source.split("\n");
  return text.split("\n").flatMap((_, i) => {
    const whole = lines[line - 1 + i] ?? "";
    const isWord = /^\W*\S+$/.test(whole.trim());
    return [...whole].length > MAX_COLUMNS && !isWord ? [line + i] : [];
  });
}

/** Words that a reader must look up, where the field has words that everybody knows. */
const ODD_WORDS =
  /(?<![A-Za-z])(?:tenanc|heirs?(?![a-z])|hire|bury(?![a-z])|buried|repriev|condemn|taints?(?![A-Za-z]))|(?<=[a-z])(?:Tenanc|Heir|Hire|Bury|Repriev|Condemn)|isInnocent|\b(?:the|its|their) remains\b/g;

function oddWords(source: string): [word: string, line: number][] {
  return [...source.matchAll(ODD_WORDS)].map(({ 0: word, index }) => [
    word,
    source.slice(0, index).split("\n").length,
  ]);
}

function* sources(): Generator<[file: string, source: string]> {
  for (const file of PLACES.flatMap((it) => [...filesIn(it)])) {
    yield [file, Deno.readTextFileSync(join(ROOT, file))];
  }
}

function problemsOf(
  [file, source]: readonly [string, string],
  find: (comment: Comment, source: string) => readonly number[],
): string[] {
  return [...commentsOf(file, source)]
    .flatMap((comment) => find(comment, source))
    .map((line) => `${file}:${line}`);
}

Deno.test("given a doc comment, then it opens with a question word only if it asks a question", () => {
  const wrong = [...sources()].flatMap((it) => problemsOf(it, questionLines));
  assert.deepEqual(wrong, [], "begin with a verb (functions), or a noun and its article (types)");
});

Deno.test("given a comment, then its lines end at column 100", () => {
  assert.deepEqual([...sources()].flatMap((it) => problemsOf(it, longLines)), []);
});

Deno.test("given a source file, then it names things as the field does", () => {
  const wrong = [...sources()].filter(([file]) => file !== SELF).flatMap(([file, source]) =>
    oddWords(source).map(([word, line]) => `${file}:${line} says ${word}`)
  );
  assert.deepEqual(wrong, [], "say slot, quarantine, successor, create, on exit, kill");
});

Deno.test("given text that breaks the rules of comments, then each break is found", () => {
  const long = "word ".repeat(20);
  const typescript = [
    "/** How it ends. */",
    "/** Who asks? */",
    "/**",
    " * Where the file",
    " * is.",
    " */",
    `const a = "http://a b"; // ${long}`,
    `// ${long}`,
    `// https://${"a".repeat(100)}`,
    "// What is not a doc comment.",
  ].join("\n");
  assert.deepEqual(problemsOf(["a.ts", typescript], questionLines), ["a.ts:1", "a.ts:3"]);
  assert.deepEqual(problemsOf(["a.ts", typescript], longLines), ["a.ts:7", "a.ts:8"]);
  const python = [
    '"""What this module does."""',
    "def f():",
    '    """Whether it is so.',
    "",
    `    ${long.repeat(2)}`,
    '    """',
    "    return g(",
    '        """What is a string."""',
    "    )",
    `x = "# ${long.repeat(2)}"`,
    `y = 1  # ${long.repeat(2)}`,
    `z = "${"a".repeat(100)}"  # type: ignore[x]`,
  ].join("\n");
  assert.deepEqual(problemsOf(["a.py", python], questionLines), ["a.py:1", "a.py:3"]);
  assert.deepEqual(problemsOf(["a.py", python], longLines), ["a.py:5", "a.py:11"]);
  const proto = "// Why it failed.\nmessage A {}";
  assert.deepEqual(problemsOf(["a.proto", proto], questionLines), ["a.proto:1"]);
  const words =
    "buryWorker heir their condemned hierarchy taintMs a taint, the remains, he remains";
  assert.deepEqual(oddWords(words).map(([word]) => word), [
    ..."bury heir condemn taint".split(" "),
    "the remains",
  ]);
});
