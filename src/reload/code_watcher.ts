import { basename, dirname, join } from "node:path";
import { delay } from "../async/mod.ts";
import { messageOf } from "../errors.ts";
import { getLogger } from "../log.ts";
import { findCodeFolders, type FolderLimits, isCode, isFolder, isForeign } from "./code_folders.ts";

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

/** An editor writes a file in several steps, and a tool several files: they are one change. */
const QUIET_MS = 40;
/** The longest that a change waits for others to join it. */
const PATIENCE_MS = 250;
/** The time between two looks for a root that does not exist. */
const RETRY_MS = 1_000;
/** The parts of the wait until a watcher has reported all that it has seen. */
const QUIET_TURN_MS = 5;
const QUIET_TURNS = 40;
/** The longest that the system takes to report a change, also on a machine that has much to do. */
const MAX_DELIVERY_MS = 5_000;
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
  #folders = new Set<string>();
  /** Folders that have held code since the watcher was opened. */
  readonly #withCode = new Set<string>();
  /** The times, by `Date.now()`, at which changes in folders were noted last, for some seconds. */
  readonly #noted = new Map<string, number>();
  /** Folders that were removed since the last update; others may be in their places. */
  readonly #removed = new Set<string>();
  #watcher: Deno.FsWatcher | undefined;
  #reading: Promise<unknown> = Promise.resolve();
  #updating: Promise<void> = Promise.resolve();
  /** True while an update waits for its turn: it will see all that has changed until then. */
  #isUpdateDue = false;
  /** The number of events so far. */
  #heard = 0;
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
    // Code is loaded later than this.
    for (const root of options.roots) watcher.#noted.set(root, Date.now());
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
    const { found, withCode, leftOut } = await findCodeFolders(roots, {
      ...(exclude === undefined ? {} : { exclude }),
      ...(limits === undefined ? {} : { limits }),
    });
    if (this.#isClosed) return;
    const before = this.#folders;
    const isFirst = !this.#isOpen;
    this.#isOpen = true;
    withCode.forEach((folder) => this.#withCode.add(folder));
    const isStale = found.some((folder) => this.#removed.has(folder));
    this.#removed.clear();
    await (isStale ? this.#reopen(found) : this.#watch(found));
    if (this.#isClosed) return;
    this.#warn(leftOut);
    // Nothing reports when it appears.
    clearTimeout(this.#retry);
    if (roots.some((root) => leftOut.includes(root))) {
      this.#retry = setTimeout(() => this.#updateSoon(), RETRY_MS);
    }
    if (isFirst) return;
    const added = [...this.#folders].filter((folder) => !before.has(folder));
    for (const folder of added) if (await holdsCode(folder)) this.#note(folder);
    // Folders may have come in them before they were watched.
    if (added.length > 0) this.#updateSoon();
  }

  /** Replaces the watcher by one of these folders. */
  async #watch(folders: readonly string[]): Promise<void> {
    const old = this.#watcher;
    this.#open(folders);
    // What it has seen before the other one was there is still in it.
    await this.#untilQuiet();
    old?.close();
  }

  /**
   * Closes the watcher before another one is opened. Deno watches a path for all watchers together,
   * and would go on to watch the folder that was there before.
   */
  async #reopen(folders: readonly string[]): Promise<void> {
    await this.#untilQuiet();
    const since = Date.now() - MAX_DELIVERY_MS;
    this.#close();
    await this.#reading;
    if (this.#isClosed) return;
    this.#open(folders);
    // Nothing has reported what has changed meanwhile, or shortly before.
    for (const [folder, time] of this.#noted) if (time < since) this.#noted.delete(folder);
    for (const folder of this.#withCode) {
      if (await hasChanged(folder, Math.max(since, this.#lastNoteOf(folder)))) this.#note(folder);
    }
    this.#updateSoon();
  }

  /** Returns the time of the last note that stands for the code in a folder, or 0. */
  #lastNoteOf(folder: string): number {
    let last = 0;
    for (const [noted, time] of this.#noted) {
      if (isBelow(folder, noted)) last = Math.max(last, time);
    }
    return last;
  }

  #open(folders: readonly string[]): void {
    const { roots } = this.#options;
    // Rather the topmost folders than none.
    const opened = open(folders, this.#log) ??
      open(folders.filter((it) => roots.includes(it)), this.#log);
    this.#watcher = opened?.watcher;
    this.#folders = new Set(opened?.folders);
    if (opened !== undefined) {
      this.#reading = Promise.all([this.#reading, this.#read(opened.watcher)]);
    }
  }

  /** Resolves when no event has come for a moment, or after some moments. */
  async #untilQuiet(): Promise<void> {
    for (let turn = 0, heard = -1; heard !== this.#heard && turn < QUIET_TURNS; turn++) {
      heard = this.#heard;
      await delay(QUIET_TURN_MS);
    }
  }

  #close(): void {
    const watcher = this.#watcher;
    this.#watcher = undefined;
    watcher?.close();
  }

  async #read(watcher: Deno.FsWatcher): Promise<void> {
    for await (const { flag, kind, paths } of watcher) {
      this.#heard++;
      // The system has lost events.
      if (flag === "rescan") this.#options.roots.forEach((root) => this.#note(root));
      if (kind === "access" || kind === "other") continue;
      for (const path of paths) await this.#onEvent(path, kind !== "modify");
    }
  }

  async #onEvent(path: string, mayBeFolder: boolean): Promise<void> {
    const name = basename(path);
    if (isForeign(name)) return;
    if (isCode(name)) {
      this.#withCode.add(dirname(path));
      return this.#note(path);
    }
    if (!mayBeFolder) return;
    // A known folder is gone, or another one is in its place.
    const isKnown = this.#forget(path);
    if (isKnown || await isFolder(path)) this.#updateSoon();
  }

  /** Forgets a folder with all below it; what they held has changed. Returns false for others. */
  #forget(path: string): boolean {
    if (!this.#folders.has(path)) return false;
    const below = (folder: string): boolean => isBelow(folder, path);
    for (const folder of [...this.#folders].filter(below)) {
      this.#folders.delete(folder);
      this.#removed.add(folder);
    }
    const held = [...this.#withCode].filter(below);
    for (const folder of held) this.#withCode.delete(folder);
    // Folders for data come and go while tools run.
    if (held.length > 0) this.#note(path);
    return true;
  }

  #updateSoon(): void {
    if (this.#isUpdateDue) return;
    this.#isUpdateDue = true;
    this.#updating = this.#updating.then(() => {
      this.#isUpdateDue = false;
      return this.#isClosed ? undefined : this.#update();
    });
  }

  #note(path: string): void {
    if (this.#isClosed) return;
    this.#noted.set(isCode(basename(path)) ? dirname(path) : path, Date.now());
    const now = performance.now();
    if (this.#changed.size === 0) this.#since = now;
    this.#changed.add(path);
    clearTimeout(this.#timer);
    const left = Math.max(0, this.#since + PATIENCE_MS - now);
    this.#timer = setTimeout(() => this.#report(), Math.min(QUIET_MS, left));
  }

  #report(): void {
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

interface Opened {
  readonly watcher: Deno.FsWatcher;
  readonly folders: readonly string[];
}

/**
 * Watches those of the folders that are still there. Returns undefined if there are none; warns and
 * returns undefined if the system allows no more watches.
 */
function open(
  folders: readonly string[],
  log: ReturnType<typeof getLogger>,
): Opened | undefined {
  // A folder may vanish after it was found.
  for (let left = [...folders]; left.length > 0;) {
    try {
      return { watcher: Deno.watchFs(left, { recursive: false }), folders: left };
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
    for await (const { name } of Deno.readDir(folder)) if (isCode(name)) return true;
  } catch {
    // It is gone again, or cannot be read.
  }
  return false;
}

/** Returns true if a file of code in a folder has come or changed since a time. */
async function hasChanged(folder: string, since: number): Promise<boolean> {
  try {
    for await (const { name } of Deno.readDir(folder)) {
      if (!isCode(name)) continue;
      const { ctime } = await Deno.lstat(join(folder, name));
      if (ctime === null || ctime.getTime() > since) return true;
    }
  } catch {
    // It is gone again, which is reported by itself.
  }
  return false;
}

/** Returns true if a path is in a folder, or below it. */
export function isBelow(path: string, folder: string): boolean {
  const parent = dirname(join(folder, "it"));
  return path === parent || path.startsWith(parent.endsWith("/") ? parent : `${parent}/`);
}
