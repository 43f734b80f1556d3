import { getLogger } from "../log.ts";
import { type ApiKeyFile, readApiKeyFile } from "./api_key_file.ts";
import { API_KEY_LINES, apiKeysSchema } from "./sections/mod.ts";

/**
 * Follows the file of the API keys, so that they can change while the server runs. It goes by what
 * the file system says about the file: events would miss a file that is replaced, or mounted.
 */
export class ApiKeyWatch {
  readonly #log = getLogger("config");
  readonly #path: string;
  #keys: readonly string[];
  /** The state of the file at the last look, and when it was last read. */
  #seen = "";
  #read = "";
  #isLooking = false;

  /** @param keys The keys that are valid now. */
  constructor(path: string, keys: readonly string[]) {
    this.#path = path;
    this.#keys = keys;
  }

  /**
   * Checks the file. Reads a changed file only once it is the same in two checks, so that no
   * half-written file is read. If the file cannot be used, logs the reason and keeps the keys.
   *
   * @returns The keys if they have changed, else undefined.
   */
  async look(): Promise<readonly string[] | undefined> {
    if (this.#isLooking) return undefined;
    this.#isLooking = true;
    try {
      const before = this.#seen;
      this.#seen = await stateOf(this.#path);
      if (this.#seen !== before || this.#seen === this.#read) return undefined;
      this.#read = this.#seen;
      return this.#take(await readApiKeyFile(this.#path));
    } finally {
      this.#isLooking = false;
    }
  }

  #take(found: ApiKeyFile): readonly string[] | undefined {
    const problem = problemOf(found);
    if (problem !== undefined) {
      this.#log.warn(
        "the API key file {file} cannot be used, so the {count} keys in use stay valid",
        {
          file: this.#path,
          count: this.#keys.length,
          problem,
        },
      );
      return undefined;
    }
    const keys = "keys" in found ? found.keys : [];
    if (isSame(keys, this.#keys)) return undefined;
    this.#log.info("the API key file {file} has changed: {count} keys are valid now", {
      file: this.#path,
      count: keys.length,
      added: keys.filter((it) => !this.#keys.includes(it)).length,
      removed: this.#keys.filter((it) => !keys.includes(it)).length,
    });
    this.#keys = keys;
    return keys;
  }
}

function problemOf(found: ApiKeyFile): string | undefined {
  if ("problem" in found) return found.problem;
  if (apiKeysSchema.safeParse(found.keys).success) return undefined;
  return `its lines are not what is allowed: ${API_KEY_LINES}`;
}

function isSame(keys: readonly string[], others: readonly string[]): boolean {
  return keys.length === others.length && keys.every((it, i) => it === others[i]);
}

/** Returns a text that changes whenever the file, its contents or its mode do. */
async function stateOf(path: string): Promise<string> {
  try {
    const { dev, ino, size, mode, mtime, ctime } = await Deno.stat(path);
    return [dev, ino, size, mode, mtime?.getTime(), ctime?.getTime()].join(" ");
  } catch (error) {
    return error instanceof Error ? error.name : "unknown";
  }
}
