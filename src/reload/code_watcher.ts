import { basename, dirname, extname, join } from "node:path";
import { messageOf } from "../errors.ts";
import { getLogger } from "../log.ts";
import { findCodeFolders, type FolderLimits, isFolder, isForeign } from "./code_folders.ts";

/** Files that have changed. */
export interface CodeFileChange {
  /** Absolute paths; that of a folder stands for all files in it. */
  readonly paths: readonly string[];
  /** The time of the first change, by `performance.now()`. */
  readonly since: number;
}

/** Options of a {@link CodeWatcher}. */
export interface CodeWatcherOptions {
  /** Folders to watch, with all folders below them. */
  readonly roots: readonly string[];
  /** Folders that are not watched. */
  readonly exclude?: readonly string[];
  readonly limits?: FolderLimits;
  readonly onChange: (change: CodeFileChange) => void;
}

/** The files that a Python program loads as code. */
const CODE: ReadonlySet<string> = new Set([".py", ".so", ".pyd"]);
/** An editor writes a file in several steps, and a tool several files: they are one change. */
const QUIET_MS = 40;
/** The longest that a change waits for others to join it. */
const PATIENCE_MS = 250;
/** The time between two looks for a root that does not exist. */
const RETRY_MS = 1_000;
/** Folders that are named when they are not watched. */
const MAX_NAMED = 3;

/**
 * Watches the Python files below some folders. Foreign code, such as virtual environments, is left
 * out, and the number of folders is bounded; a warning names what is not watched. Changes that come
 * close together are reported as one.
 */
export class CodeWatcher implements AsyncDisposable {
  readonly #options: CodeWatcherOptions;
  readonly #log = getLogger("reload");
  readonly #changed = new Set<string>();
  #folders: ReadonlySet<string> = new Set();
  #watcher: Deno.FsWatcher | undefined;
  #reading: Promise<unknown> = Promise.resolve();
  #updating: Promise<void> = Promise.resolve();
  #since = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #isOpen = false;
  #isClosed = false;
  #lastWarning = "";

  private constructor(options: CodeWatcherOptions) {
    this.#options = options;
  }

  /** Resolves when all folders are watched. */
  static async open(options: CodeWatcherOptions): Promise<CodeWatcher> {
    const watcher = new CodeWatcher(options);
    await watcher.#update();
    return watcher;
  }

  /** The number of watched folders. */
  get size(): number {
    return this.#folders.size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#updating;
    clearTimeout(this.#retry);
    this.#close();
    await this.#reading;
  }

  /** Watches the folders that are there now. New ones that hold code count as changed. */
  async #update(): Promise<void> {
    const { roots, exclude, limits } = this.#options;
    const { found, leftOut } = await findCodeFolders(roots, {
      ...(exclude === undefined ? {} : { exclude }),
      ...(limits === undefined ? {} : { limits }),
    });
    if (this.#isClosed) return;
    const before = this.#folders;
    const isFirst = !this.#isOpen;
    this.#isOpen = true;
    this.#watch(found);
    this.#warn(leftOut);
    // Nothing reports when it appears.
    clearTimeout(this.#retry);
    if (roots.some((root) => leftOut.includes(root))) {
      this.#retry = setTimeout(() => this.#updateSoon(), RETRY_MS);
    }
    if (isFirst) return;
    for (const folder of this.#folders) {
      if (!before.has(folder) && await holdsCode(folder)) this.#note(folder);
    }
  }

  /** Replaces the watcher by one of these folders. */
  #watch(folders: readonly string[]): void {
    const { roots } = this.#options;
    let watched = folders;
    let watcher = open(folders, this.#log);
    if (watcher === undefined) {
      // Rather the topmost folders than none.
      watched = folders.filter((it) => roots.includes(it));
      watcher = open(watched, this.#log);
    }
    this.#close();
    this.#folders = new Set(watcher === undefined ? [] : watched);
    if (watcher === undefined) return;
    this.#watcher = watcher;
    this.#reading = Promise.all([this.#reading, this.#read(watcher)]);
  }

  #close(): void {
    const watcher = this.#watcher;
    this.#watcher = undefined;
    watcher?.close();
  }

  async #read(watcher: Deno.FsWatcher): Promise<void> {
    for await (const { flag, kind, paths } of watcher) {
      // The system has lost events.
      if (flag === "rescan") this.#options.roots.forEach((root) => this.#note(root));
      if (kind === "access" || kind === "other") continue;
      for (const path of paths) await this.#onEvent(path, kind !== "modify");
    }
  }

  async #onEvent(path: string, mayBeFolder: boolean): Promise<void> {
    const name = basename(path);
    if (isForeign(name)) return;
    if (CODE.has(extname(name))) return this.#note(path);
    if (!mayBeFolder) return;
    const isKnown = this.#folders.has(path);
    if (isKnown === await isFolder(path)) return;
    // Its files went with it.
    if (isKnown) this.#note(path);
    this.#updateSoon();
  }

  #updateSoon(): void {
    this.#updating = this.#updating.then(() => this.#isClosed ? undefined : this.#update());
  }

  #note(path: string): void {
    const now = performance.now();
    if (this.#changed.size === 0) this.#since = now;
    this.#changed.add(path);
    clearTimeout(this.#timer);
    const left = Math.max(0, this.#since + PATIENCE_MS - now);
    this.#timer = setTimeout(() => this.#report(), Math.min(QUIET_MS, left));
  }

  #report(): void {
    if (this.#isClosed) return;
    const paths = [...this.#changed];
    this.#changed.clear();
    this.#options.onChange({ paths, since: this.#since });
  }

  #warn(leftOut: readonly string[]): void {
    if (leftOut.length === 0) return;
    const more = leftOut.length - MAX_NAMED;
    const list = leftOut.slice(0, MAX_NAMED).join(", ") + (more > 0 ? ` and ${more} more` : "");
    if (list === this.#lastWarning) return;
    this.#lastWarning = list;
    this.#log.warn(
      "not watching {list}: there are too many folders, or they do not exist or cannot be read; " +
        "check modulePaths",
      { list },
    );
  }
}

/** Watches these folders. Warns and returns undefined if the system allows no more watches. */
function open(
  folders: readonly string[],
  log: ReturnType<typeof getLogger>,
): Deno.FsWatcher | undefined {
  // A folder may vanish after it was found.
  for (let left = [...folders]; left.length > 0;) {
    try {
      return Deno.watchFs(left, { recursive: false });
    } catch (error) {
      const there = left.filter(exists);
      if (there.length === left.length) {
        log.warn("cannot watch {count} folders: {problem}{hint}", {
          count: left.length,
          problem: messageOf(error),
          hint: error instanceof Deno.errors.NotCapable
            ? ""
            : "; on Linux, fs.inotify.max_user_watches and max_user_instances are the limits",
        });
        return undefined;
      }
      left = there;
    }
  }
  return undefined;
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}

async function holdsCode(folder: string): Promise<boolean> {
  try {
    for await (const { name } of Deno.readDir(folder)) if (CODE.has(extname(name))) return true;
  } catch {
    // It is gone again, or cannot be read.
  }
  return false;
}

/** Returns true if a path is in a folder, or below it. */
export function isBelow(path: string, folder: string): boolean {
  const parent = dirname(join(folder, "it"));
  return path === parent || path.startsWith(parent.endsWith("/") ? parent : `${parent}/`);
}
