import { nextTurn } from "./next_turn.ts";

/** An amount of work for one turn of the event loop, which pieces of work share. */
export class TurnBudget {
  readonly #perTurn: number;
  #left: number;
  #last: Promise<void> = Promise.resolve();

  constructor(perTurn: number) {
    this.#perTurn = perTurn;
    this.#left = perTurn;
  }

  /**
   * Resolves in a turn that has room for so much work, first come, first served. A piece that is
   * larger than the whole budget gets a turn of its own.
   */
  take(amount: number): Promise<void> {
    return this.#last = this.#last.then(() => this.#take(amount));
  }

  async #take(amount: number): Promise<void> {
    if (amount > this.#left && this.#left < this.#perTurn) {
      await nextTurn();
      this.#left = this.#perTurn;
    }
    this.#left -= amount;
  }
}
