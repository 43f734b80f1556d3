import { basename, dirname, join, relative } from "node:path";
import { isGranted } from "../granted.ts";
import { getLogger } from "../log.ts";
import type { Pool } from "../pool/mod.ts";
import { packagePath } from "../python_env/mod.ts";
import { type CodeFileChange, CodeWatcher, isBelow } from "./code_watcher.ts";

/** A pool, and the folders that its code is in. */
export interface WatchedPool {
  readonly pool: Pick<Pool, "code" | "name" | "reload">;
  readonly folders: readonly string[];
}

/** Options of a {@link Reloader}. */
export interface ReloaderOptions {
  readonly pools: readonly WatchedPool[];
  /** Folders that are not watched. */
  readonly exclude: readonly string[];
}

/**
 * Reloads the pools whose workers have imported a file when that file changes. A file that no
 * worker has imported may still be code, such as a module that was missing so far. It reloads every
 * pool that has it in one of its folders.
 */
export class Reloader implements AsyncDisposable {
  readonly #pools: readonly WatchedPool[];
  #watcher: CodeWatcher | undefined;

  private constructor({ pools }: ReloaderOptions) {
    this.#pools = pools;
  }

  /** Resolves when the folders are watched. */
  static async open(options: ReloaderOptions): Promise<Reloader> {
    const { exclude } = options;
    // Folders that are links have two names, and only one of them is watched.
    const pools = options.pools.map(({ pool, folders }) => ({
      pool,
      folders: [...new Set(folders.flatMap((it) => [it, realPath(it)]))],
    }));
    const reloader = new Reloader({ ...options, pools });
    const watcher = await CodeWatcher.open({
      roots: [...new Set(options.pools.flatMap(({ folders }) => folders))],
      exclude: await Promise.all(exclude.map((it) => Deno.realPath(it).catch(() => it))),
      onChange: (change) => reloader.#onChange(change),
    });
    reloader.#watcher = watcher;
    for (const { pool, folders } of options.pools) {
      getLogger("reload").info("watching the Python files of pool {pool} in {folders}", {
        pool: pool.name,
        folders: folders.filter((it) => it !== packagePath()).join(", "),
      });
    }
    return reloader;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#watcher?.[Symbol.asyncDispose]();
  }

  #onChange({ paths, since }: CodeFileChange): void {
    const filesOf = new Map<WatchedPool, string[]>();
    for (const path of paths) {
      for (const it of this.#concernedBy(path)) {
        filesOf.set(it, [...filesOf.get(it) ?? [], shortName(path, it.folders)]);
      }
    }
    for (const [{ pool }, files] of filesOf) pool.reload({ files, since });
  }

  #concernedBy(path: string): readonly WatchedPool[] {
    const importers = this.#pools.filter(({ pool }) => pool.code.hasImported(realPath(path)));
    if (importers.length > 0) return importers;
    return this.#pools.filter(({ folders }) => namesIn(folders, path).length > 0);
  }
}

/** Returns a path relative to the innermost of these folders that holds it. */
function shortName(path: string, folders: readonly string[]): string {
  return namesIn(folders, path).sort((a, b) => a.length - b.length)[0] || path;
}

/** Returns the names of a path in those of the folders that hold it. */
function namesIn(folders: readonly string[], path: string): string[] {
  const paths = new Set([path, join(realPath(dirname(path)), basename(path))]);
  return folders.flatMap((folder) =>
    [...paths].filter((it) => isBelow(it, folder)).map((it) => relative(folder, it))
  );
}

/** Returns a path without links in it, also if there is no file any more. */
function realPath(path: string): string {
  if (!isGranted({ name: "read", path })) return path;
  try {
    return Deno.realPathSync(path);
  } catch {
    const folder = dirname(path);
    return folder === path ? path : join(realPath(folder), basename(path));
  }
}
