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
  return newNonces(1)[0] ?? "";
}

/** The nonces for which random bytes are drawn at once. */
const DRAWN = 1_024;

/** Returns random nonces of 64 bits, each for a claim. */
export function newNonces(count: number): string[] {
  const nonces: string[] = [];
  while (nonces.length < count) {
    const size = Math.min(DRAWN, count - nonces.length);
    const random = crypto.getRandomValues(new Uint32Array(2 * size));
    for (let i = 0; i < random.length; i += 2) {
      nonces.push(textOf(random[i] ?? 0) + textOf(random[i + 1] ?? 0));
    }
  }
  return nonces;
}

function textOf(bits: number): string {
  return bits.toString(36).padStart(7, "0");
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
