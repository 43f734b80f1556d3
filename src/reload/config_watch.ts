import { basename, dirname } from "node:path";
import { delay } from "../async/mod.ts";
import { messageOf } from "../errors.ts";
import { getLogger } from "../log.ts";

/** One save comes as several events, and the file may be empty or missing between two of them. */
const QUIET_MS = 150;

/** Watches the configuration file, wherever it is, and also while it does not exist. */
export class ConfigWatch implements AsyncDisposable {
  readonly #watcher: Deno.FsWatcher | undefined;
  readonly #named: readonly string[];
  readonly #paths: readonly string[];
  readonly #reading: Promise<void>;
  #edits = 0;
  #onEdit: () => void = () => {};
  #awaited = 0;

  /** @param paths The absolute paths at which the file may be. */
  constructor(paths: readonly string[]) {
    this.#named = paths;
    this.#paths = paths.flatMap(withTarget);
    this.#watcher = open(this.#paths);
    this.#reading = this.#read();
  }

  /** True if the system reports edits. */
  get isOpen(): boolean {
    return this.#watcher !== undefined;
  }

  /** The paths at which the file may be. */
  get paths(): readonly string[] {
    return this.#named;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watcher?.close();
    await this.#reading;
  }

  /**
   * Waits for an edit since the last one that was returned.
   *
   * @returns False if `signal` has aborted.
   */
  async next(signal: AbortSignal): Promise<boolean> {
    while (this.#edits === this.#awaited && !signal.aborted) {
      await this.#editOr(signal);
    }
    while (this.#edits !== this.#awaited && !signal.aborted) {
      this.#awaited = this.#edits;
      await delay(QUIET_MS, signal);
    }
    return !signal.aborted;
  }

  async #editOr(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const onEvent = (): void => resolve();
    signal.addEventListener("abort", onEvent, { once: true });
    this.#onEdit = onEvent;
    await promise;
    signal.removeEventListener("abort", onEvent);
  }

  async #read(): Promise<void> {
    for await (const { kind, paths } of this.#watcher ?? []) {
      if (kind === "access" || kind === "other") continue;
      if (!paths.some((path) => this.#paths.some((it) => isSameFile(path, it)))) continue;
      this.#edits++;
      this.#onEdit();
    }
  }
}

/** Returns the path, and that of the file to which it links. */
function withTarget(path: string): string[] {
  try {
    return [...new Set([path, Deno.realPathSync(path)])];
  } catch {
    return [path];
  }
}

/** Watches the folders of the paths, since editors replace the file. */
function open(paths: readonly string[]): Deno.FsWatcher | undefined {
  if (paths.length === 0) return undefined;
  try {
    return Deno.watchFs([...new Set(paths.map((it) => dirname(it)))], { recursive: false });
  } catch (error) {
    getLogger("reload").warn("cannot watch {paths}: {problem}", {
      paths: paths.join(", "),
      problem: messageOf(error),
    });
    return undefined;
  }
}

/** Compares names only: the system may report the folder by another path. */
function isSameFile(path: string, other: string): boolean {
  return basename(path) === basename(other);
}
