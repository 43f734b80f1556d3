/** Something that answers a small echo, measured beside the others. */
export interface Contender extends AsyncDisposable {
  readonly name: string;
  /** One echo of the bench's payload; rejects when the answer is wrong. */
  call(): Promise<void>;
}

/** What every contender echoes: an object of about 100 bytes as JSON. */
export const PAYLOAD: { readonly value: string } = { value: "x".repeat(88) };
