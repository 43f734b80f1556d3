import { randomBytes } from "node:crypto";

/** Base 32 without the letters i, l, o and u (Crockford), in the order of ASCII. */
const DIGITS = "0123456789abcdefghjkmnpqrstvwxyz";
const TIME_DIGITS = 10;
const RANDOM_DIGITS = 16;

/**
 * Makes ids of jobs: 26 digits of base 32, of which the first 10 are the time in milliseconds, and
 * the others are random, as in a ULID (github.com/ulid/spec). Ids of one millisecond rise by one
 * in their random part, so that ids of one process sort by their order.
 */
export class JobIds {
  #time = -1;
  #prefix = "";
  #random: number[] = [];

  /** Returns a new id. */
  next(now: number = Date.now()): string {
    if (now > this.#time) this.#begin(now);
    else this.#increment();
    let id = this.#prefix;
    for (const digit of this.#random) id += DIGITS[digit];
    return id;
  }

  #begin(now: number): void {
    this.#time = now;
    let prefix = "";
    for (let rest = now, i = 0; i < TIME_DIGITS; i++) {
      prefix = DIGITS[rest % 32] + prefix;
      rest = Math.floor(rest / 32);
    }
    this.#prefix = prefix;
    // The highest digit leaves room for increments.
    this.#random = [...randomBytes(RANDOM_DIGITS)].map((it, i) => i === 0 ? it & 15 : it & 31);
  }

  #increment(): void {
    const digits = this.#random;
    for (let i = digits.length - 1; i >= 0; i--) {
      const digit = digits[i] ?? 0;
      digits[i] = (digit + 1) % 32;
      if (digit < 31) return;
    }
  }
}
