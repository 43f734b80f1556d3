/** The folder of a reader of a page: the files of the page, and the programs that it shows. */
import { dirname, join } from "node:path";
import denoJson from "../../deno.json" with { type: "json" };
import { ROOT } from "../fixtures/host.ts";
import { fileNameOf, hiddenFilesOf, type Snippet, snippetsOf } from "./markdown.ts";

/** The file that a snippet in TypeScript is. */
export interface Program {
  readonly name: string;
  readonly text: string;
  /** The lines in front of those of the snippet. */
  readonly linesBefore: number;
}

/** Writes the configuration with which programs in the folders below `root` are run. */
export async function writeConfig(root: string): Promise<void> {
  await Deno.writeTextFile(join(root, "deno.json"), JSON.stringify(configOfScripts()));
  await Deno.copyFile(join(ROOT, "deno.lock"), join(root, "deno.lock"));
}

/** Makes the folder of a page. `files` is a folder whose files the reader has as well. */
export async function makeFolder(folder: string, markdown: string, files?: string): Promise<void> {
  await Deno.mkdir(folder);
  if (files !== undefined) await copyFiles(files, folder);
  for (const { name, text } of hiddenFilesOf(markdown)) await writeFile(folder, name, text);
  for (const snippet of snippetsOf(markdown)) {
    const name = fileNameOf(snippet);
    if (name !== undefined) await writeFile(folder, name, snippet.text);
  }
}

/** Writes a file, and returns its path. */
export async function writeFile(folder: string, name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await Deno.mkdir(dirname(path), { recursive: true });
  await Deno.writeTextFile(path, text);
  return path;
}

/**
 * Returns the program of a snippet. If that has no name, it imports the library where the snippet
 * does not, and starts a host if the snippet only uses one.
 */
export function programOf(snippet: Snippet): Program {
  const { text, line } = snippet;
  const name = fileNameOf(snippet);
  if (name !== undefined) return { name, text, linesBefore: 0 };
  const before: string[] = [];
  if (!/from "snakeden(?:\/\w+)?"/.test(text) && /\b(?:den|Snakeden)\b/.test(text)) {
    before.push('import { Snakeden } from "snakeden";\n');
    if (!/\bden =/.test(text)) before.push("await using den = await Snakeden.start();\n");
  }
  return { name: `line_${line}.ts`, text: before.join("") + text, linesBefore: before.length };
}

async function copyFiles(from: string, to: string): Promise<void> {
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (name.startsWith("__")) continue;
    if (!isDirectory) await Deno.copyFile(join(from, name), join(to, name));
    else {
      await Deno.mkdir(join(to, name));
      await copyFiles(join(from, name), join(to, name));
    }
  }
}

/** Snippets declare what they do not use, and import `snakeden` from this repository. */
function configOfScripts(): unknown {
  const { imports, compilerOptions, unstable } = denoJson;
  return {
    imports: {
      ...imports,
      snakeden: new URL("../../mod.ts", import.meta.url).href,
      "snakeden/client": new URL("../../src/client/mod.ts", import.meta.url).href,
      "snakeden/spawn": new URL("../../src/spawn/mod.ts", import.meta.url).href,
      "snakeden/testing": new URL("../../src/testing/mod.ts", import.meta.url).href,
    },
    compilerOptions: { ...compilerOptions, noUnusedLocals: false },
    unstable,
  };
}
