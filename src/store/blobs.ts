import { SnakedenError } from "../errors.ts";

/** Longest value. */
export const MAX_BLOB_BYTES: number = 2 ** 30;
const ID = /^[!-~]{1,256}$/;

/**
 * Keeps values of any length up to {@link MAX_BLOB_BYTES}, 0 included, each under an id: 1 to 256
 * printable ASCII characters without spaces, with a meaning to the caller alone. Two ids that
 * differ in case are two; an id is no path.
 */
export interface Blobs {
  /**
   * Writes a value over what was there. Resolves when it is durable. Until then its bytes must not
   * be changed; afterwards the buffer is the caller's again.
   */
  put(id: string, value: Uint8Array<ArrayBuffer>): Promise<void>;
  /**
   * Returns the value, or undefined if it is missing or damaged. A damaged value is set aside. The
   * buffer is the caller's own.
   */
  get(id: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Removes a value, if there is one. Resolves when it is gone durably. */
  delete(id: string): Promise<void>;
}

/**
 * Refuses what no driver has to take; each calls it before anything else.
 *
 * @throws {SnakedenError} `invalid_input`.
 */
export function checkBlob(id: string, value?: Uint8Array): void {
  if (!ID.test(id)) {
    throw new SnakedenError(
      "invalid_input",
      `Cannot use ${JSON.stringify(id.slice(0, 300))} as the id of a blob: ` +
        "it takes 1 to 256 printable ASCII characters without spaces",
    );
  }
  if (value === undefined || value.byteLength <= MAX_BLOB_BYTES) return;
  throw new SnakedenError(
    "invalid_input",
    `Cannot write a blob of ${value.byteLength} bytes: the store takes ${MAX_BLOB_BYTES}`,
  );
}
