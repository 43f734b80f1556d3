import { Backoff, type Clock } from "../../async/mod.ts";

/** A host, by its base URL. It rests for a while after it has failed. */
export class Host {
  /** The base URL, without a slash at its end. */
  readonly url: string;
  readonly #clock: Pick<Clock, "now">;
  readonly #backoff: Backoff;
  #restsUntil = -Infinity;

  constructor(
    url: string,
    { clock, baseMs, capMs }: {
      readonly clock: Pick<Clock, "now">;
      readonly baseMs: number;
      readonly capMs: number;
    },
  ) {
    this.url = url;
    this.#clock = clock;
    this.#backoff = new Backoff({ baseMs, capMs });
  }

  /** The time until the host is tried again; 0 if it does not rest. */
  get restMs(): number {
    return Math.max(0, this.#restsUntil - this.#clock.now());
  }

  /** Notes that the host did not answer. It rests the longer the more often this happens. */
  failed(): void {
    this.#restsUntil = this.#clock.now() + this.#backoff.failed();
  }

  /** Notes that the host has answered. */
  answered(): void {
    this.#backoff.reset();
    this.#restsUntil = -Infinity;
  }
}

/**
 * Returns the host for the next attempt: the first in the order of the list that does not rest, of
 * those that this request has not tried. If all of them rest, the one whose rest ends first.
 */
export function nextHost(hosts: readonly Host[], tried: ReadonlySet<Host>): Host | undefined {
  const left = hosts.filter((it) => !tried.has(it));
  return left.find((it) => it.restMs === 0) ?? left.toSorted((a, b) => a.restMs - b.restMs)[0];
}
