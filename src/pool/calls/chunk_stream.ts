import type { Value } from "../../bridge/mod.ts";
import type { CallOutcome, ChunkSink } from "./call_request.ts";
import type { StallWatch } from "./times/mod.ts";

/** An event of a stream. Chunks and progress come in any number, then `done` comes once. */
export type StreamEvent =
  | { readonly type: "chunk"; readonly value: Value }
  | { readonly type: "progress"; readonly value: Value }
  | ({ readonly type: "done" } & CallOutcome);

/** The call behind a stream, as the stream sees it. */
export interface ChunkSource {
  readonly outcome: Promise<CallOutcome>;
  /** Called when the reader has taken chunks of this weight. */
  credit(bytes: number): void;
}

/**
 * The reading end of a streaming call. At most `windowBytes` of chunks wait here: credit is given
 * back as the reader takes them, so a reader that pauses makes the Python generator pause. Of
 * progress only the latest waits.
 */
export class ChunkStream implements ChunkSink {
  readonly windowBytes: number;
  /**
   * The events that were not read yet. Those that were read are set to undefined, so that a reader
   * that never quite catches up keeps none of them alive.
   */
  #chunks: (Value | undefined)[] = [];
  #head = 0;
  #progress: Value | undefined;
  #end: { outcome: CallOutcome } | { error: unknown } | undefined;
  #ended = false;
  #uncredited = 0;
  #call: ChunkSource | undefined;
  #wake: (() => void) | undefined;
  #readerWatch: StallWatch | undefined;

  constructor(windowBytes: number) {
    this.windowBytes = windowBytes;
  }

  /** Notes the watch over the host tool that reads, whose silence does not count while it waits. */
  readBy(watch: StallWatch): void {
    this.#readerWatch = watch;
  }

  /** Connects the call whose chunks this stream receives. */
  attach(call: ChunkSource): void {
    this.#call = call;
    call.outcome.then(
      (outcome) => this.#finish({ outcome }),
      (error: unknown) => this.#finish({ error }),
    );
  }

  /** True if {@link ChunkStream.next} would not have to wait. */
  get hasNext(): boolean {
    return this.#head < this.#chunks.length || this.#progress !== undefined ||
      this.#end !== undefined;
  }

  /**
   * Returns the next event, or undefined after `done`. There may be one reader at a time.
   *
   * @throws The error of the call, after the chunks that came before it.
   */
  async next(): Promise<StreamEvent | undefined> {
    while (!this.hasNext) {
      if (this.#ended) return undefined;
      const event = new Promise<void>((resolve) => this.#wake = resolve);
      await (this.#readerWatch === undefined ? event : this.#readerWatch.ask(() => event));
    }
    return this.#takeProgress() ?? this.#takeChunk() ?? this.#takeEnd();
  }

  onChunk(value: Value): void {
    this.#chunks.push(value);
    this.#notify();
  }

  onProgress(value: Value): void {
    this.#progress = value;
    this.#notify();
  }

  #takeProgress(): StreamEvent | undefined {
    const value = this.#progress;
    this.#progress = undefined;
    return value && { type: "progress", value };
  }

  #takeChunk(): StreamEvent | undefined {
    const value = this.#chunks[this.#head];
    if (value === undefined) return undefined;
    this.#chunks[this.#head++] = undefined;
    this.#uncredited += value.weight;
    const empty = this.#head === this.#chunks.length;
    if (empty || this.#head >= 1024) {
      this.#chunks = this.#chunks.slice(this.#head);
      this.#head = 0;
    }
    // A few large credits cost less than one for each chunk. A reader that has caught up gets all.
    if (empty || this.#uncredited >= this.windowBytes / 4) {
      this.#call?.credit(this.#uncredited);
      this.#uncredited = 0;
    }
    return { type: "chunk", value };
  }

  #takeEnd(): StreamEvent | undefined {
    const end = this.#end;
    this.#end = undefined;
    this.#ended = true;
    if (end === undefined) return undefined;
    if ("error" in end) throw end.error;
    return { type: "done", ...end.outcome };
  }

  #finish(end: { outcome: CallOutcome } | { error: unknown }): void {
    this.#end = end;
    this.#notify();
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
