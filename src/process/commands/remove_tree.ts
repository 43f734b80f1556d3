import { join } from "node:path";
import { readVariable } from "../../granted.ts";
import { lstatIfThere } from "../private_path.ts";
import { runCommand } from "./run_command.ts";

/** The folders of a tree that this process removes itself. */
const MAX_FOLDERS = 64;
/** The length of such a folder, which bounds the names in it. */
const MAX_FOLDER_BYTES = 256 * 1024;

/**
 * Removes a folder with everything in it, however deep and wide it is, and whatever its owner has
 * closed. A missing one is no error.
 *
 * The recursion of Deno needs a descriptor and a part of the stack for each level, so a tree of
 * 20,000 levels would end this process. Trees that are not small are left to `rm`.
 */
export async function removeTree(path: string): Promise<void> {
  if (await lstatIfThere(path) === undefined) return;
  if (await isSmall(path)) {
    try {
      return await Deno.remove(path, { recursive: true });
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return;
    }
  }
  if ((await run("rm", "-rf", "--", path)).success) return;
  // A folder without its bits can be emptied by nobody.
  await run("chmod", "-R", "u+rwx", "--", path);
  const { success, lines } = await run("rm", "-rf", "--", path);
  if (!success) throw new Error(lines.at(-1) ?? `rm cannot remove ${path}`);
}

function run(...command: string[]): ReturnType<typeof runCommand> {
  const PATH = readVariable("PATH");
  return runCommand(command, { env: PATH === undefined ? {} : { PATH } });
}

async function isSmall(path: string): Promise<boolean> {
  const folders = [path];
  try {
    for (const folder of folders) {
      const { size } = await Deno.lstat(folder);
      if (size > MAX_FOLDER_BYTES) return false;
      for await (const { name, isDirectory } of Deno.readDir(folder)) {
        if (isDirectory && folders.push(join(folder, name)) > MAX_FOLDERS) return false;
      }
    }
    return true;
  } catch {
    // It is closed, or changes at this moment.
    return false;
  }
}
