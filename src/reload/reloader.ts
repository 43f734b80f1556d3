import { relative } from "node:path";
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
    const reloader = new Reloader(options);
    const { exclude } = options;
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
    const near = this.#pools.filter(({ folders }) => folders.some((it) => isBelow(path, it)));
    const importers = near.filter(({ pool }) => pool.code.hasImported(path));
    return importers.length > 0 ? importers : near;
  }
}

/** Returns a path relative to the innermost of these folders that holds it. */
function shortName(path: string, folders: readonly string[]): string {
  const names = folders.filter((it) => isBelow(path, it)).map((it) => relative(it, path));
  return names.sort((a, b) => a.length - b.length)[0] || path;
}
