/**
 * Keeps values of any length up to {@link MAX_BLOB_BYTES}, 0 included, each under an id: 1 to 256 printable ASCII
 * characters without spaces, with a meaning to the caller alone. Two ids that differ in case are two; an id is no path.
 */
export interface Blobs {
  /**
   * Writes a value over what was there. Resolves when it is durable. Until then its bytes must not be changed;
   * afterwards the buffer is the caller's again.
   */
  put(id: string, value: Uint8Array<ArrayBuffer>): Promise<void>;
  /**
   * Returns the value, or undefined if it is missing or damaged. A damaged value is set aside. The buffer is the
   * caller's own.
   */
  get(id: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Removes a value, if there is one. Resolves when it is gone durably. */
  delete(id: string): Promise<void>;
}
