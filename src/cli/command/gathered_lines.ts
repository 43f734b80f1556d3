/** Lines that come close together are written at once. */
const GATHER_MS = 20;
const GATHERED_CHARS = 64 * 1024;

/**
 * Gathers lines that may come fast, since a write for each would take most of the time.
 * Tells `onFailure` if a write fails while nobody waits for one.
 */
export class GatheredLines {
  readonly #write: (texts: readonly string[]) => Promise<void>;
  readonly #onFailure: (error: unknown) => void;
  #texts: string[] = [];
  #chars = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(
    write: (texts: readonly string[]) => Promise<void>,
    onFailure: (error: unknown) => void,
  ) {
    this.#write = write;
    this.#onFailure = onFailure;
  }

  /** Adds a line. Waits for the reader of the output if many lines are gathered. */
  async add(text: string): Promise<void> {
    this.#texts.push(text);
    this.#chars += text.length;
    if (this.#chars >= GATHERED_CHARS) return await this.flush();
    this.#timer ??= setTimeout(() => this.flush().catch(this.#onFailure), GATHER_MS);
  }

  /**
   * Writes what is gathered.
   *
   * @throws {OutputClosed} If nobody reads it.
   */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const texts = this.#texts;
    this.#texts = [];
    this.#chars = 0;
    this.#writing = this.#writing.then(() => this.#write(texts));
    await this.#writing;
  }
}
