/** The claim that a token stands for. */
export interface ClaimId {
  readonly id: string;
  /** The start, as `JobRow.run`. */
  readonly run: number;
  /** Chosen at random for each claim, so that no token can be guessed. */
  readonly nonce: string;
}

const TOKEN = /^([1-9]\d{0,15})\.([0-9a-z]{1,40})\.([A-Za-z0-9._:-]{1,128})$/;

/** Returns a random nonce for a claim. */
export function newNonce(): string {
  const [a = 0, b = 0] = crypto.getRandomValues(new Uint32Array(2));
  return a.toString(36).padStart(7, "0") + b.toString(36).padStart(7, "0");
}

/** Returns the token of a claim. */
export function claimToken({ id, run, nonce }: ClaimId): string {
  return `${run}.${nonce}.${id}`;
}

/** Returns the claim of a token; undefined for a text that is no token. */
export function readClaimToken(token: string): ClaimId | undefined {
  const [, run = "", nonce = "", id = ""] = TOKEN.exec(token) ?? [];
  return run === "" ? undefined : { id, run: Number(run), nonce };
}
