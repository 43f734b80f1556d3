/** Every snippet of every page does what it shows. CONTRIBUTING.md says how pages mark them. */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { ROOT } from "../fixtures/host.ts";
import { directiveOf, snippetsOf } from "./markdown.ts";
import { Page } from "./page.ts";
import { type CheckedPage, typeErrors } from "./snippet_types.ts";

const PLACES = ["README.md", "CONTRIBUTING.md", "docs", "examples", "python/README.md"];
/** The most snippets that may be marked as not run. Lower it when there are fewer. */
const MAX_NOT_RUN = 3;

function* pagesIn(place: string): Generator<string> {
  if (!Deno.statSync(join(ROOT, place)).isDirectory) return yield place;
  for (const { name, isDirectory } of Deno.readDirSync(join(ROOT, place))) {
    if (isDirectory || name.endsWith(".md")) yield* pagesIn(`${place}/${name}`);
  }
}

interface PageText extends CheckedPage {
  /** The test that runs the whole page instead. */
  readonly runBy?: string;
}

function readPage(path: string): PageText {
  const text = Deno.readTextFileSync(join(ROOT, path));
  const head = directiveOf(text.split("\n", 1)[0] ?? "");
  return {
    path,
    text,
    snippets: snippetsOf(text),
    // The page of an example is read beside its files.
    ...(path.startsWith("examples/") ? { files: join(ROOT, dirname(path)) } : {}),
    ...(head?.kind === "run by" ? { runBy: head.value } : {}),
  };
}

/** A page with an error in a program that the host is put in front of, and in a file. */
const WRONG_TEXT = `
\`\`\`ts
const sum: number = den.runId;
\`\`\`

\`\`\`ts
// wrong.ts

export const text: string = 1;
\`\`\`
`;
const WRONG: PageText = { path: "wrong.md", text: WRONG_TEXT, snippets: snippetsOf(WRONG_TEXT) };

const pages = PLACES.flatMap((it) => [...pagesIn(it)]).sort().map(readPage)
  .filter(({ snippets }) => snippets.length > 0);

Deno.test("The TypeScript of all pages compiles, and the compiler finds wrong lines", async () => {
  const read = pages.filter(({ runBy }) => runBy === undefined);
  const errors = await typeErrors([...read, WRONG]);
  const isWanted = (text: string) => text.includes(WRONG.path);
  assert.deepEqual(errors.filter((it) => !isWanted(it)), []);
  const places = errors.filter(isWanted).map((it) => /\bwrong\.md:\d+$/m.exec(it)?.[0]);
  assert.deepEqual(places, ["wrong.md:3", "wrong.md:9"]);
});

for (const { path, text, snippets, files, runBy } of pages) {
  if (runBy !== undefined) {
    Deno.test(`${path} is run by ${runBy}`, () => assertRunBy(path, runBy));
    continue;
  }
  Deno.test(`${path} shows snippets that do what it says`, async (t) => {
    await using page = await Page.open(text, files);
    for (const [i, snippet] of snippets.entries()) {
      const { line, language, directive } = snippet;
      await t.step({
        name: `line ${line}: ${language || "text"}`,
        ignore: directive?.kind === "not run",
        fn: () =>
          directive?.kind === "run by"
            ? assertRunBy(path, directive.value)
            : page.run(snippet, snippets[i + 1]),
      });
    }
  });
}

/** Holds that a file is there and, if it is a test, that it names the page. */
function assertRunBy(page: string, file: string): void {
  const text = Deno.readTextFileSync(join(ROOT, file));
  assert.ok(!file.endsWith("_test.ts") || text.includes(page), `${file} names ${page}`);
}

Deno.test("Pages mark few snippets as not run", () => {
  const notRun = pages.flatMap(({ path, snippets }) =>
    snippets.filter((it) => it.directive?.kind === "not run").map((it) => `${path}:${it.line}`)
  );
  assert.ok(notRun.length <= MAX_NOT_RUN, `${MAX_NOT_RUN} are allowed: ${notRun.join(", ")}`);
});
