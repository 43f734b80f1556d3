import { join } from "node:path";
import { settlesWithin } from "../../async/mod.ts";
import { messageOf } from "../../errors.ts";
import { getLogger } from "../../log.ts";

/** The longest wait for the removal of a folder, which continues in the background. */
const REMOVE_MS = 2_000;

/** The folder of one attempt: where a program works, and what it leaves. */
export interface AttemptFolder extends AsyncDisposable {
  /** The folder itself. */
  readonly path: string;
  /** The working directory. */
  readonly work: string;
  readonly temporary: string;
  readonly artifacts: string;
  /** The file of the result, which does not exist at first. */
  readonly result: string;
}

/** The folders of attempts in the directory of a run, each removed at the end of its attempt. */
export class AttemptFolders implements AsyncDisposable {
  readonly #root: string;
  readonly #removing = new Set<Promise<void>>();
  #next = 1;

  constructor(root: string) {
    this.#root = root;
  }

  /** Creates a folder that nobody else may enter. */
  async create(): Promise<AttemptFolder> {
    const path = join(this.#root, String(this.#next++));
    const folder = {
      path,
      work: join(path, "work"),
      temporary: join(path, "tmp"),
      artifacts: join(path, "artifacts"),
      result: join(path, "result.json"),
    };
    await Deno.mkdir(path, { recursive: true, mode: 0o700 });
    await Promise.all(
      [folder.work, folder.temporary, folder.artifacts].map((it) =>
        Deno.mkdir(it, { mode: 0o700 })
      ),
    );
    return { ...folder, [Symbol.asyncDispose]: () => this.#remove(path) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#removing);
  }

  async #remove(path: string): Promise<void> {
    const removing = removeAll(path);
    this.#removing.add(removing);
    void removing.then(() => this.#removing.delete(removing));
    await settlesWithin(removing, REMOVE_MS);
  }
}

/** Removes a folder, even if its owner has locked a part of it. Never rejects. */
async function removeAll(path: string): Promise<void> {
  try {
    await Deno.remove(path, { recursive: true });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    try {
      await openAll(path);
      await Deno.remove(path, { recursive: true });
    } catch {
      getLogger("jobs").warn("cannot remove {path}, the folder of an attempt: {problem}", {
        path,
        problem: messageOf(error),
      });
    }
  }
}

/** Lets the owner of folders change them. */
async function openAll(path: string): Promise<void> {
  await Deno.chmod(path, 0o700);
  for await (const { name, isDirectory } of Deno.readDir(path)) {
    if (isDirectory) await openAll(join(path, name));
  }
}
