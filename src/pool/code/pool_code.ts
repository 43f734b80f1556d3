import type { Tool } from "../../bridge/mod.ts";
import { getLogger } from "../../log.ts";
import { changesText, type ToolChanges, toolChanges } from "./tool_changes.ts";

/**
 * The state of a load: `loading` after a change of the code; `loaded` once a worker with the new
 * code is ready; `failed` if such a worker cannot start. Until it is loaded, the workers with the
 * old code serve. A failed load is tried again, and may still succeed.
 */
export type ReloadState = "loading" | "loaded" | "failed";

/** The last change of the code of a pool, and its result. */
export interface ReloadInfo {
  /** The state of the load of the new code. */
  readonly state: ReloadState;
  /** The time of the change, in ISO 8601. */
  readonly changedAt: string;
  /** The files that have changed, by name. */
  readonly files: readonly string[];
  /** The reason why a worker with the new code could not be started. */
  readonly reason?: string;
}

/** A change of the code of a pool. */
export interface CodeChange {
  /** The files that have changed, by name. */
  readonly files: readonly string[];
  /** The time of the first of the changes, by `performance.now()`. */
  readonly since?: number;
}

/** The event that a pool runs new code, or offers other tools. */
export interface CodeEvent {
  readonly pool: string;
  /** True if all calls from now on run the code as it is now. */
  readonly reloaded: boolean;
  /** The tools that have changed; undefined if none has. */
  readonly tools: ToolChanges | undefined;
}

/** A worker, reduced to its place and its tools. */
export interface CodeBearer {
  readonly id: string;
  readonly order: number;
  readonly tools: readonly Tool[];
}

/** A worker with the newest code that takes calls. */
export interface ToolsServed {
  /** True if the pool offers the same tools as before. */
  readonly isKnown: boolean;
}

/** The failed start of a worker. */
export interface FailedStart {
  readonly reason: string;
  /** True if it ran the newest code. */
  readonly isNewest: boolean;
  /** True if other workers of the pool take calls. */
  readonly isServing: boolean;
}

/** Options of {@link PoolCode}. */
export interface PoolCodeOptions {
  /** The name of the pool. */
  readonly name: string;
  /**
   * True if the files of the code are watched. A failed start is then logged once for each reason
   * until the code changes again.
   */
  readonly dev?: boolean;
  /** The time that calls may show nothing, of tools that declare none; 0 for no limit. */
  readonly stallTimeoutMs?: number;
}

/**
 * The code that the workers of a pool run: the tools that it offers, and what became of the last
 * change. The tools are those of the newest worker that has been ready. Until there was one, they
 * are those that workers of an earlier host have had with the same code, if they are known.
 */
export class PoolCode {
  readonly #options: PoolCodeOptions;
  readonly #log = getLogger("pool");
  readonly #listeners = new Set<(event: CodeEvent) => void>();
  readonly #onServed = new Set<(served: ToolsServed) => void>();
  readonly #onRenewed = new Set<() => void>();
  #tools: readonly Tool[] = [];
  #byName: ReadonlyMap<string, Tool> = new Map();
  /** True if a tool declares how long it may show nothing. */
  #limitsSilence = false;
  /** The order of the worker that offers these tools; -1 for none. */
  #order = -1;
  /** True if the tools were adopted without a worker. */
  #isRestored = false;
  #isConfirmed = false;
  /** True if they are those of the code of now, as an earlier host has found. */
  #isTrusted = false;
  /** The number of those who wait for a worker to tell its tools. */
  #awaiting = 0;
  #reload: (ReloadInfo & { readonly since: number }) | undefined;
  readonly #loggedReasons = new Set<string>();
  /** The source files that workers have imported. */
  readonly #imported = new Set<string>();

  constructor(options: PoolCodeOptions) {
    this.#options = options;
  }

  /** The tools; empty until the first worker is ready, unless they were restored. */
  get tools(): readonly Tool[] {
    return this.#tools;
  }

  /** True if a worker has been ready since the start and the last change of the code. */
  get isConfirmed(): boolean {
    return this.#isConfirmed;
  }

  /** True if its tools are those of the code of now, as far as anybody can know. */
  get isCurrent(): boolean {
    return this.#isConfirmed || this.#isTrusted;
  }

  /** True if somebody waits for a worker to tell its tools. */
  get isAwaited(): boolean {
    return this.#awaiting > 0 && !this.#isConfirmed;
  }

  /** Notes that somebody waits for a worker to tell its tools, until that is disposed. */
  awaited(): Disposable {
    this.#awaiting++;
    return { [Symbol.dispose]: () => void this.#awaiting-- };
  }

  /** The last change of the code; undefined if there was none. */
  get reload(): ReloadInfo | undefined {
    if (this.#reload === undefined) return undefined;
    const { since: _since, ...info } = this.#reload;
    return info;
  }

  offers(tool: string): boolean {
    return this.#byName.has(tool);
  }

  declaresIdempotent(tool: string): boolean {
    return this.#byName.get(tool)?.idempotent === true;
  }

  /** Returns the deadline that a tool declares for its calls; 0 if it declares none. */
  timeoutOf(tool: string): number {
    return this.#byName.get(tool)?.timeoutMs ?? 0;
  }

  /** Returns the time that calls of a tool may show nothing by default; 0 for any time. */
  stallTimeoutOf(tool: string): number {
    const own = this.#limitsSilence ? this.#byName.get(tool)?.stallTimeoutMs : undefined;
    return own || (this.#options.stallTimeoutMs ?? 0);
  }

  /** Calls `listener` after each event; returns a function that removes it. */
  onEvent(listener: (event: CodeEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /**
   * Calls `listener` each time that a worker with the newest code takes calls; returns a function
   * that removes it.
   */
  onServed(listener: (served: ToolsServed) => void): () => void {
    this.#onServed.add(listener);
    return () => void this.#onServed.delete(listener);
  }

  /**
   * Calls `listener` each time that workers begin to load the code anew; returns a function that
   * removes it.
   */
  onRenewed(listener: () => void): () => void {
    this.#onRenewed.add(listener);
    return () => void this.#onRenewed.delete(listener);
  }

  /** Adopts the tools that workers have had with the same code, until a worker is ready. */
  restore(tools: readonly Tool[]): void {
    if (this.#order >= 0) return;
    this.#isRestored = this.#isTrusted = true;
    this.#adopt(tools);
  }

  /** Notes that all workers that start from now on load the code anew. */
  renewed(): void {
    this.#isConfirmed = this.#isTrusted = false;
    for (const listener of [...this.#onRenewed]) listener();
  }

  /**
   * Returns true if a worker has ever imported this source file, or one below this folder, by their
   * real paths. Known only of workers whose files are watched.
   */
  hasImported(path: string): boolean {
    if (this.#imported.has(path)) return true;
    return path.endsWith(".py")
      ? false
      : [...this.#imported].some((it) => it.startsWith(`${path}/`));
  }

  /** Notes that a worker has imported a source file. */
  imported(path: string): void {
    if (this.#imported.size < MAX_IMPORTED) this.#imported.add(path);
  }

  /** Notes that the code has changed. */
  changed({ files, since = performance.now() }: CodeChange): void {
    const changedAt = new Date().toISOString();
    // A change whose code never served is part of the next one.
    const pending = this.#reload?.state === "loading" ? this.#reload.files : [];
    this.#loggedReasons.clear();
    this.#reload = {
      state: "loading",
      changedAt,
      files: [...new Set([...pending, ...files])],
      since,
    };
    this.renewed();
  }

  /** Notes that all workers were replaced on request. */
  recycled(): void {
    this.#notify(undefined, true);
  }

  /** Notes that a worker takes calls. */
  ready(worker: CodeBearer, { isNewest }: { readonly isNewest: boolean }): void {
    const changes = this.#take(worker);
    if (isNewest) this.#isConfirmed = true;
    const reload = this.#reload;
    if (isNewest && reload !== undefined && reload.state !== "loaded") {
      const { reason: _reason, ...rest } = reload;
      this.#reload = { ...rest, state: "loaded" };
      this.#logLoaded(reload, changes);
      this.#notify(changes, true);
    } else if (changes !== undefined) {
      this.#log.info("the tools of pool {pool} have changed with {workerId}: {tools}", {
        pool: this.#options.name,
        workerId: worker.id,
        tools: changesText(changes),
      });
      this.#notify(changes, false);
    }
    if (!isNewest) return;
    for (const listener of [...this.#onServed]) listener({ isKnown: changes === undefined });
  }

  /**
   * Notes that a worker could not be started; returns true if its reason is to be logged. Logs what
   * that means for the pool, so that the reason can follow.
   */
  failed(worker: CodeBearer, { reason, isNewest, isServing }: FailedStart): boolean {
    const reload = this.#reload;
    const isOfReload = isNewest && reload !== undefined && reload.state !== "loaded";
    if (isOfReload) this.#reload = { ...reload, state: "failed", reason };
    if (this.#options.dev !== true) return true;
    const known = reason.replaceAll(worker.id, "");
    if (this.#loggedReasons.has(known)) return false;
    this.#loggedReasons.add(known);
    if (!isOfReload && isServing) return true;
    this.#log.error(
      isServing
        ? "pool {pool} keeps its old workers, since the new code{cause} cannot be loaded:"
        : "pool {pool} has no worker until its code{cause} is repaired:",
      { pool: this.#options.name, cause: causeText(reload?.files ?? []) },
    );
    return true;
  }

  /** Adopts the tools of a worker if it is the newest; returns the differences. */
  #take({ order, tools }: CodeBearer): ToolChanges | undefined {
    if (order < this.#order) return undefined;
    // The tools of the first start are no news, unless it took a repair.
    const isFirst = this.#order < 0 && this.#reload === undefined && !this.#isRestored;
    const changes = isFirst ? undefined : toolChanges(this.#tools, tools);
    this.#order = order;
    this.#adopt(tools);
    return changes;
  }

  #adopt(tools: readonly Tool[]): void {
    this.#tools = tools;
    this.#byName = new Map(tools.map((tool) => [tool.name, tool]));
    this.#limitsSilence = tools.some((tool) => tool.stallTimeoutMs > 0);
  }

  #logLoaded(
    { files, since, state }: Pick<ReloadInfo, "files" | "state"> & { readonly since: number },
    changes: ToolChanges | undefined,
  ): void {
    const cause = causeText(files);
    const tools = changes === undefined ? "" : `: tools ${changesText(changes)}`;
    if (state === "failed") {
      // What has repaired it is not known, nor since when: a change that is about to be reported,
      // or something besides the code.
      this.#log.info("pool {pool} has started with another attempt at its code{cause}{tools}", {
        pool: this.#options.name,
        cause,
        tools,
      });
      return;
    }
    this.#log.info("reloaded pool {pool} in {seconds} s{cause}{tools}", {
      pool: this.#options.name,
      seconds: ((performance.now() - since) / 1_000).toFixed(1),
      cause,
      tools,
    });
  }

  #notify(tools: ToolChanges | undefined, reloaded: boolean): void {
    const event = { pool: this.#options.name, reloaded, tools };
    for (const listener of [...this.#listeners]) listener(event);
  }
}

/** Source files that are remembered. */
const MAX_IMPORTED = 20_000;
/** Files of a change that are named in the log. */
const MAX_NAMED = 3;

function causeText(files: readonly string[]): string {
  if (files.length === 0) return "";
  const more = files.length - MAX_NAMED;
  return ` (${files.slice(0, MAX_NAMED).join(", ")}${more > 0 ? ` and ${more} more` : ""})`;
}
