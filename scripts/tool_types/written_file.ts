import { dirname, join } from "node:path";

/** Writes a file as a whole: readers see the old text or the new one. */
export async function writeWholeFile(path: string, text: string): Promise<void> {
  const folder = dirname(path);
  await Deno.mkdir(folder, { recursive: true });
  const temp = join(folder, `.snakeden-types-${crypto.randomUUID()}`);
  try {
    await Deno.writeTextFile(temp, text);
    await Deno.rename(temp, path);
  } catch (error) {
    await Deno.remove(temp).catch(() => {});
    throw error;
  }
}

/**
 * Returns the first difference between a file and the text that it should have; undefined if there
 * is none.
 */
export async function firstDifference(path: string, text: string): Promise<string | undefined> {
  const current = await textOf(path);
  if (current === text) return undefined;
  if (current === undefined) return "there is no such file";
  const [before, after] = [current.split("\n"), text.split("\n")];
  const at = after.findIndex((line, i) => line !== before[i]);
  const line = at < 0 ? after.length : at;
  const shown = (it: string | undefined): string => it === undefined ? "(end of file)" : it;
  return `line ${line + 1}\n- ${shown(before[line])}\n+ ${shown(after[line])}`;
}

/** Returns the text of a file with the line ends of this program; undefined if there is none. */
async function textOf(path: string): Promise<string | undefined> {
  try {
    return (await Deno.readTextFile(path)).replaceAll("\r\n", "\n");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
