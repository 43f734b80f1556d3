import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * Lists the folders where an adapter of a program is looked for when `modulePaths` is omitted: the
 * folder of the main module, so that the program runs from everywhere, then the working directory.
 */
export function programFolders(cwd: string, mainModule = Deno.mainModule): string[] {
  const main = mainModule.startsWith("file:") ? [dirname(fileURLToPath(mainModule))] : [];
  return [...new Set([...main, cwd])];
}
