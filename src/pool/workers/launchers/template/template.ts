import { Backoff, delay, unlessAborted } from "../../../../async/mod.ts";
import { messageOf } from "../../../../errors.ts";
import { getLogger } from "../../../../log.ts";
import type { LauncherInfo, TemplateInfo, WorkerRegistry } from "../launcher.ts";
import { Reaper, type ReaperSpec, type TemplateStart } from "./reaper.ts";

/** The pauses before another try after a template that could not be started, or died. */
const RETRY = { baseMs: 1_000, capMs: 300_000 } as const;
/** A template that lives this long has proved itself. */
const PROVED_MS = 60_000;

/** Dependencies and options of a {@link Template}. */
export interface TemplateOptions extends ReaperSpec {
  readonly registry?: WorkerRegistry | undefined;
  /** The time in which a template must have preloaded. */
  readonly startTimeoutMs: number;
}

/** The state of a template. */
type State =
  | { readonly is: "resting" }
  /** `done` settles when the state is another one. */
  | { readonly is: "starting"; readonly done: Promise<void> }
  | { readonly is: "ready"; readonly reaper: Reaper; readonly info: TemplateInfo }
  /** Workers are spawned. `retryAt` is when to try again. */
  | { readonly is: "unfit"; readonly reason: string; readonly retryAt: number }
  | { readonly is: "closed" };

/**
 * The template of a pool, from which its workers are forked.
 *
 * `resting` -> `starting` when it is first wanted; `starting` -> `ready` or `unfit`; `ready` ->
 * `starting` when the code has changed or it has died; `unfit` -> `starting` when the code has
 * changed, or when a worker is wanted after a pause; any -> `closed`.
 */
export class Template {
  readonly #log = getLogger("pool");
  readonly #options: TemplateOptions;
  readonly #backoff = new Backoff(RETRY);
  readonly #warned = new Set<string>();
  #state: State = { is: "resting" };
  #reaper: Reaper | undefined;
  /** Set while a reaper starts, which takes longer than a renewal. */
  #starting: Promise<Reaper> | undefined;
  /** Aborts when the start that is under way is overtaken by another one, or by the end. */
  #turn = new AbortController();
  readonly #closing = new AbortController();
  #readyAt = 0;

  constructor(options: TemplateOptions) {
    this.#options = options;
  }

  /** Its state, as it is shown outside. */
  get info(): LauncherInfo {
    const state = this.#state;
    return {
      launcher: "prefork",
      ...(state.is === "ready" && { template: state.info }),
      ...(state.is === "unfit" && { launcherFallback: state.reason }),
    };
  }

  /** Starts in the background, unless it has been started. */
  prepare(): void {
    if (this.#state.is !== "resting") return;
    if (Deno.build.os === "linux") this.#start();
    else this.#fail("only Linux forks processes safely", true);
  }

  /** Starts anew, with the code as it is now. The workers that were forked go on. */
  renew(): void {
    const { is } = this.#state;
    if (is === "closed" || is === "resting" || Deno.build.os !== "linux") return;
    this.#warned.clear();
    this.#backoff.reset();
    this.#start();
  }

  /**
   * Returns the process that forks workers; undefined if there is none, and workers are to be
   * spawned. Waits while one starts.
   *
   * @throws The reason of `signal`.
   */
  async reaper(signal: AbortSignal): Promise<Reaper | undefined> {
    this.prepare();
    if (this.#state.is === "unfit" && performance.now() >= this.#state.retryAt) {
      const { reason } = this.#state;
      // This worker does not wait for it.
      this.#start();
      this.#warn(reason);
      return undefined;
    }
    while (this.#state.is === "starting") {
      await unlessAborted(this.#state.done, signal);
    }
    return this.#state.is === "ready" ? this.#state.reaper : undefined;
  }

  /** Notes that no worker can be forked from it any more. */
  isUnfit(reason: string, { isUnsafe }: { readonly isUnsafe: boolean }): void {
    if (this.#state.is === "ready") this.#fail(reason, isUnsafe);
  }

  /** Ends it. Its workers have ended. */
  async close(): Promise<void> {
    this.#state = { is: "closed" };
    this.#turn.abort();
    this.#closing.abort();
    await Promise.allSettled([this.#starting]);
    await this.#reaper?.stop();
  }

  #start(): void {
    this.#turn.abort();
    const turn = this.#turn = new AbortController();
    this.#state = { is: "starting", done: this.#run(turn.signal, this.#backoff.pauseMs) };
  }

  async #run(over: AbortSignal, pauseMs: number): Promise<void> {
    try {
      if (pauseMs > 0) await delay(pauseMs, over);
      const started = over.aborted ? undefined : await this.#startTemplate(over);
      if (over.aborted || started === undefined) return;
      const { reaper, start } = started;
      if ("reason" in start) return this.#fail(start.reason, start.isUnsafe);
      this.#readyAt = performance.now();
      this.#state = { is: "ready", reaper, info: start };
      this.#log.debug("the template of pool {pool} is ready", { ...this.#of, ...start });
    } catch (error) {
      if (!over.aborted) this.#fail(messageOf(error), false);
    }
  }

  /** Returns undefined if it is over meanwhile. */
  async #startTemplate(
    over: AbortSignal,
  ): Promise<{ readonly reaper: Reaper; readonly start: TemplateStart } | undefined> {
    const reaper = await this.#ensureReaper();
    if (over.aborted) return undefined;
    return { reaper, start: await reaper.startTemplate(this.#options.startTimeoutMs) };
  }

  #fail(reason: string, isUnsafe: boolean): void {
    this.#backoff.failed();
    const retryAt = isUnsafe ? Infinity : performance.now() + this.#backoff.pauseMs;
    this.#state = { is: "unfit", reason, retryAt };
    this.#warn(reason);
  }

  #warn(reason: string): void {
    if (this.#warned.has(reason)) return;
    this.#warned.add(reason);
    this.#log.warn(
      "the workers of pool {pool} are spawned, and not forked from a template: {reason}",
      { ...this.#of, reason },
    );
  }

  get #of(): { readonly pool: string } {
    return { pool: this.#options.pool };
  }

  async #ensureReaper(): Promise<Reaper> {
    if (this.#reaper !== undefined && !this.#reaper.isGone) return this.#reaper;
    const starting = this.#starting ??= this.#startReaper();
    try {
      return await starting;
    } finally {
      if (this.#starting === starting) this.#starting = undefined;
    }
  }

  async #startReaper(): Promise<Reaper> {
    const { registry, pool } = this.#options;
    const workerId = `${pool}-template`;
    const incarnation = `${workerId}.${crypto.randomUUID()}`;
    await registry?.reserve({ workerId, incarnation });
    try {
      const reaper = await Reaper.start(this.#options, this.#closing.signal);
      registry?.activate(incarnation, reaper.pid);
      void reaper.exited.then(() => registry?.release(incarnation));
      reaper.onTemplateLost = (reason) => this.#lost(reaper, reason);
      this.#reaper = reaper;
      return reaper;
    } catch (error) {
      registry?.release(incarnation);
      throw error;
    }
  }

  #lost(reaper: Reaper, reason: string): void {
    if (this.#state.is !== "ready" || this.#state.reaper !== reaper) return;
    this.#log.warn("the template of pool {pool} is gone, and is started anew: {reason}", {
      ...this.#of,
      reason,
    });
    if (performance.now() - this.#readyAt >= PROVED_MS) this.#backoff.reset();
    this.#start();
    // The next one that dies soon is replaced after a pause.
    this.#backoff.failed();
  }
}
