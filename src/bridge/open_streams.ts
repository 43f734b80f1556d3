/**
 * A stream that sends this many times its window without credit breaks the protocol. A correct one
 * exceeds its window by less than one chunk.
 */
const WINDOW_SLACK = 2;

/** The open streams of a link: the remaining credit of each in bytes, by call. */
export class OpenStreams {
  readonly #credit = new Map<number, number>();

  open(id: number, windowBytes: number): void {
    this.#credit.set(id, WINDOW_SLACK * Math.max(1, windowBytes));
  }

  has(id: number): boolean {
    return this.#credit.has(id);
  }

  /** Grants a stream more credit. */
  grant(id: number, bytes: number): void {
    const left = this.#credit.get(id);
    if (left !== undefined) this.#credit.set(id, left + bytes);
  }

  /** Lets a stream that was told to stop send what it has on its way. */
  cancel(id: number): void {
    if (this.#credit.has(id)) this.#credit.set(id, Infinity);
  }

  /** Returns false if a stream has used all of its credit, so that no chunk may come. */
  hasCredit(id: number): boolean {
    return (this.#credit.get(id) ?? 0) > 0;
  }

  close(id: number): void {
    if (this.#credit.size > 0) this.#credit.delete(id);
  }
}
