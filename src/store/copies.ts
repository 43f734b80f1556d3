import { TurnBudget } from "../async/mod.ts";

/** The number of bytes copied in one turn of the event loop. */
const SLICE_BYTES = 4 * 1024 * 1024;

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
