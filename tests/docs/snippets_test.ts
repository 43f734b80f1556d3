/** Every snippet of every page does what it shows. CONTRIBUTING.md says how pages mark them. */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { ROOT } from "../fixtures/host.ts";
import { directiveOf, type Snippet, snippetsOf } from "./markdown.ts";
import { Page } from "./page.ts";

const PLACES = ["README.md", "CONTRIBUTING.md", "docs", "examples", "python/README.md"];
/** The most snippets that may be marked as not run. Lower it when there are fewer. */
const MAX_NOT_RUN = 3;

function* pagesIn(place: string): Generator<string> {
  if (!Deno.statSync(join(ROOT, place)).isDirectory) return yield place;
  for (const { name, isDirectory } of Deno.readDirSync(join(ROOT, place))) {
    if (isDirectory || name.endsWith(".md")) yield* pagesIn(`${place}/${name}`);
  }
}

interface PageText {
  readonly path: string;
  readonly text: string;
  readonly snippets: readonly Snippet[];
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
    ...(head?.kind === "run by" ? { runBy: head.value } : {}),
  };
}

const pages = PLACES.flatMap((it) => [...pagesIn(it)]).sort().map(readPage)
  .filter(({ snippets }) => snippets.length > 0);

for (const { path, text, snippets, runBy } of pages) {
  if (runBy !== undefined) {
    Deno.test(`${path} is run by ${runBy}`, () => assertRunBy(path, runBy));
    continue;
  }
  Deno.test(`${path} shows snippets that do what it says`, async (t) => {
    // The page of an example is read beside its files.
    const files = path.startsWith("examples/") ? { files: join(ROOT, dirname(path)) } : {};
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
