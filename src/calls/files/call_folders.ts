import { join } from "node:path";
import { messageOf, SnakedenError } from "../../errors.ts";
import { getLogger } from "../../log.ts";
import { removeTree } from "../../process/mod.ts";

/** The folders of calls with files, in the run directory. They are swept away with it. */
export class CallFolders {
  readonly #root: string;
  #last = 0;

  /** @param root The folder for them, which is created with the first one. */
  constructor(root: string) {
    this.#root = root;
  }

  /** @throws {SnakedenError} `store_failed` if the disk takes no folder. */
  async create(): Promise<CallFolder> {
    const path = join(this.#root, (++this.#last).toString(36));
    await made(path);
    return new CallFolder(path);
  }
}

/** The folder of one call. It is removed with everything in it. */
export class CallFolder {
  readonly path: string;
  readonly #names = new Set<string>();

  constructor(path: string) {
    this.path = path;
  }

  /** Returns a free path for a file of this name, which is one that `Files` allows. */
  async place(name: string): Promise<string> {
    // Some file systems do not tell upper case from lower case.
    const key = name.toLowerCase();
    if (!this.#names.has(key)) {
      this.#names.add(key);
      return join(this.path, name);
    }
    // A folder of its own keeps the ending of the name, by which libraries know a format.
    for (let n = 2;; n++) {
      const folder = String(n);
      const nested = `${folder}/${key}`;
      if (this.#names.has(folder) || this.#names.has(nested)) continue;
      this.#names.add(nested);
      await made(join(this.path, folder));
      return join(this.path, folder, name);
    }
  }

  /** Removes the folder. Never fails; what stays is removed with the run directory. */
  async remove(): Promise<void> {
    // Code of the tool that still runs may add a file meanwhile.
    for (let tries = 0; tries < 3; tries++) {
      try {
        return await removeTree(this.path);
      } catch (error) {
        if (tries < 2) continue;
        const text = "Cannot remove {path}, which is left until the host ends: {reason}";
        getLogger("files").warn(text, { path: this.path, reason: messageOf(error) });
      }
    }
  }
}

async function made(path: string): Promise<void> {
  try {
    await Deno.mkdir(path, { recursive: true, mode: 0o700 });
  } catch (cause) {
    const text = `Cannot create the folder ${path} for the files of a call: ${messageOf(cause)}`;
    throw new SnakedenError("store_failed", text, { cause, retryable: true });
  }
}
