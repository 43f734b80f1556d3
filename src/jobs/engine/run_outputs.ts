import type { Hold, JsonObject, OutputPart } from "../../store/mod.ts";

/** Outputs with the checkpoint that belongs to them. */
export type OutputNews = Required<Pick<Hold, "outputs" | "checkpoint">>;

interface Commit {
  readonly outputs: readonly OutputPart[];
  readonly checkpoint: JsonObject;
  readonly written: PromiseWithResolvers<void>;
}

/** The outputs of a run that are not durable yet. */
export class RunOutputs {
  #waiting: Commit | undefined;
  #writing: Commit | undefined;

  /** True if nothing waits to be written. */
  get isEmpty(): boolean {
    return this.#waiting === undefined;
  }

  /** Adds outputs; the checkpoint replaces the one before. Resolves when they are durable. */
  add({ outputs, checkpoint }: OutputNews): Promise<void> {
    const { outputs: earlier = [], written = Promise.withResolvers<void>() } = this.#waiting ?? {};
    this.#waiting = { outputs: [...earlier, ...outputs], checkpoint, written };
    // One that is not awaited must not end the program.
    written.promise.catch(() => {});
    return written.promise;
  }

  /** Returns what waits, to be written; undefined if nothing does. */
  take(): OutputNews | undefined {
    const commit = this.#writing = this.#waiting;
    this.#waiting = undefined;
    return commit && { outputs: commit.outputs, checkpoint: commit.checkpoint };
  }

  /** Keeps what was taken and not written. */
  putBack(): void {
    this.#waiting = joined(this.#writing, this.#waiting);
    this.#writing = undefined;
  }

  /** Notes that what was taken is durable. */
  written(): void {
    this.#writing?.written.resolve();
    this.#writing = undefined;
  }

  /** Drops everything, which cannot be written any more. */
  lose(reason: unknown): void {
    for (const it of [this.#waiting, this.#writing]) it?.written.reject(reason);
    this.#waiting = this.#writing = undefined;
  }
}

/** Returns two commits as one, which is written later. */
function joined(first: Commit | undefined, second: Commit | undefined): Commit | undefined {
  if (first === undefined || second === undefined) return first ?? second;
  const { written } = first;
  written.promise.then(second.written.resolve, second.written.reject);
  return { ...second, outputs: [...first.outputs, ...second.outputs], written };
}
