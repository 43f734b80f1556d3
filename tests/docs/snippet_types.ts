/** The compiler that judges the TypeScript of pages. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Snippet } from "./markdown.ts";
import { makeFolder, programOf, writeConfig, writeFile } from "./reader_folder.ts";

/** A page whose snippets are checked. */
export interface CheckedPage {
  readonly path: string;
  readonly text: string;
  readonly snippets: readonly Snippet[];
  /** The folder whose files its reader has as well. */
  readonly files?: string;
}

/**
 * Checks the types of the snippets in TypeScript of all pages at once, as most of the time goes
 * into the types of the library.
 *
 * @returns The errors, each with its page and line.
 */
export async function typeErrors(pages: readonly CheckedPage[]): Promise<string[]> {
  const root = await Deno.realPath(await Deno.makeTempDir({ prefix: "snakeden-docs-" }));
  try {
    await writeConfig(root);
    /** By the path of a program: its page, and what leads from its lines to those of the page. */
    const places = new Map<string, { readonly page: string; readonly offset: number }>();
    for (const { path: page, text, snippets, files } of pages) {
      const folder = join(root, page.replaceAll("/", "_"));
      await makeFolder(folder, text, files);
      for (const snippet of snippets.filter(({ language }) => language === "ts")) {
        const { name, text, linesBefore } = programOf(snippet);
        const path = await writeFile(folder, name, text);
        assert.ok(!places.has(path), `${page} shows ${name} twice`);
        places.set(path, { page, offset: snippet.line - linesBefore });
      }
    }
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["check", "--quiet", `--config=${join(root, "deno.json")}`, ...places.keys()],
      cwd: root,
      env: { NO_COLOR: "1" },
    }).output();
    if (success) return [];
    const [output = ""] = new TextDecoder().decode(stderr).split(/^Found \d+ errors?\.$/m);
    const named = output.replaceAll(/file:\/\/(\S+?):(\d+):\d+/g, (position, path, line) => {
      const place = places.get(path);
      return place === undefined ? position : `${place.page}:${place.offset + Number(line)}`;
    });
    const errors = named.split(/^(?=TS\d+ )/m);
    assert.ok(named.trim() !== "", "the check fails without an error");
    return errors;
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}
