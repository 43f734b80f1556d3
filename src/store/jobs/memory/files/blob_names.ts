/** The names of blobs, counted. */
export class BlobNames {
  readonly #counts = new Map<string, number>();
  /** Blobs whose last name has gone since the last sweep. */
  readonly #unused = new Set<string>();

  /** Counts a name. */
  name(sha256: string): void {
    this.#counts.set(sha256, (this.#counts.get(sha256) ?? 0) + 1);
    this.#unused.delete(sha256);
  }

  /** Takes back a name. */
  release(sha256: string): void {
    const count = (this.#counts.get(sha256) ?? 1) - 1;
    if (count > 0) {
      this.#counts.set(sha256, count);
      return;
    }
    this.#counts.delete(sha256);
    this.#unused.add(sha256);
  }

  /** Returns true for a blob that has a name. */
  has(sha256: string): boolean {
    return this.#counts.has(sha256);
  }

  /** Takes the blobs whose last name has gone. */
  takeUnused(): string[] {
    const unused = [...this.#unused];
    this.#unused.clear();
    return unused;
  }
}
