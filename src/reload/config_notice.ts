import { basename, dirname } from "node:path";
import { messageOf } from "../errors.ts";
import { getLogger } from "../log.ts";

/** Logs, whenever the configuration file changes, that the server must be restarted for it. */
export class ConfigNotice implements AsyncDisposable {
  readonly #path: string;
  readonly #watcher: Deno.FsWatcher | undefined;
  readonly #reading: Promise<void>;

  /** @param path The configuration file. */
  constructor(path: string) {
    this.#path = path;
    this.#watcher = this.#open();
    this.#reading = this.#read();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watcher?.close();
    await this.#reading;
  }

  /** Watches the folder, since editors replace the file. */
  #open(): Deno.FsWatcher | undefined {
    try {
      return Deno.watchFs(dirname(this.#path), { recursive: false });
    } catch (error) {
      getLogger("reload").warn("cannot watch {path}: {problem}", {
        path: this.#path,
        problem: messageOf(error),
      });
      return undefined;
    }
  }

  async #read(): Promise<void> {
    let notifiedAt = -Infinity;
    for await (const { kind, paths } of this.#watcher ?? []) {
      if (kind === "access" || kind === "other") continue;
      if (!paths.some((path) => basename(path) === basename(this.#path))) continue;
      // One save comes as several events.
      if (performance.now() - notifiedAt > 500) {
        getLogger("reload").warn("{path} has changed: it applies after a restart of the server", {
          path: this.#path,
        });
      }
      notifiedAt = performance.now();
    }
  }
}
