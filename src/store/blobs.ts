import { TurnBudget } from "../async/mod.ts";
import { SnakedenError } from "../errors.ts";

/** The length of the longest value. */
export const MAX_BLOB_BYTES: number = 2 ** 30;
/** The number of bytes copied in one turn of the event loop. */
const SLICE_BYTES = 4 * 1024 * 1024;
const ID = /^[!-~]{1,256}$/;

/**
 * A store of values of 0 to {@link MAX_BLOB_BYTES} bytes, each under an id: 1 to 256 printable
 * ASCII characters without spaces. An id is case-sensitive and is not a path; only callers give it
 * a meaning.
 */
export interface Blobs {
  /**
   * Writes a value, replacing any old one. Resolves when it is durable. The caller must not change
   * the buffer until then.
   */
  put(id: string, value: Uint8Array<ArrayBuffer>): Promise<void>;
  /**
   * Returns the value, or undefined if it is missing or damaged. A damaged value is set aside. The
   * caller may change the buffer.
   */
  get(id: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Removes a value, if there is one. Resolves when the removal is durable. */
  delete(id: string): Promise<void>;
}

/**
 * Refuses ids and values that the contract does not allow. Every driver calls it first.
 *
 * @throws {SnakedenError} `invalid_input`.
 */
export function checkBlob(id: string, value?: Uint8Array): void {
  if (!ID.test(id)) {
    throw new SnakedenError(
      "invalid_input",
      `Cannot use ${JSON.stringify(id.slice(0, 300))} as the id of a blob: ` +
        "an id has 1 to 256 printable ASCII characters, without spaces",
    );
  }
  if (value === undefined || value.byteLength <= MAX_BLOB_BYTES) return;
  throw new SnakedenError(
    "invalid_input",
    `Cannot write a blob of ${value.byteLength} bytes: the limit is ${MAX_BLOB_BYTES} bytes`,
  );
}

/** Copies a value in slices, with turns of the event loop in between. */
export async function copyOf(value: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  const [copy = new Uint8Array()] = await copiesOf([value]);
  return copy;
}

/** Copies values as {@link copyOf} does one. */
export async function copiesOf(values: readonly Uint8Array[]): Promise<Uint8Array<ArrayBuffer>[]> {
  const copies: Uint8Array<ArrayBuffer>[] = [];
  const budget = new TurnBudget(SLICE_BYTES);
  for (const value of values) {
    const copy = new Uint8Array(value.byteLength);
    for (let start = 0; start < value.byteLength; start += SLICE_BYTES) {
      const slice = value.subarray(start, start + SLICE_BYTES);
      await budget.take(slice.byteLength);
      copy.set(slice, start);
    }
    copies.push(copy);
  }
  return copies;
}
