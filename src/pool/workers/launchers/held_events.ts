import type { LinkEvents, Log } from "../../../bridge/mod.ts";
import type { LaunchSpec } from "./launcher.ts";

/** The most events that are held back. The first ones are the more useful. */
const MAX_HELD = 1_000;

type Listeners = Pick<LaunchSpec, "events" | "onLine" | "onOutputEnd" | "room">;

/** Holds back what a worker says, until somebody listens. */
export class HeldEvents implements LinkEvents {
  #held: ((to: Listeners) => void)[] = [];
  #to: Listeners | undefined;

  /** The listeners for what the process prints. */
  readonly listeners: Pick<LaunchSpec, "onLine" | "onOutputEnd" | "room"> = {
    onLine: (line, from) => this.#pass((to) => to.onLine(line, from)),
    onOutputEnd: (number, from) => this.#pass((to) => to.onOutputEnd?.(number, from)),
    room: () => this.#to?.room?.(),
  };

  /** Passes on what was held back, and all that follows. */
  release(to: Listeners): void {
    this.#to = to;
    const held = this.#held;
    this.#held = [];
    for (const pass of held) pass(to);
  }

  onLog(entry: Log): void {
    this.#pass((to) => to.events.onLog(entry));
  }

  onMemory(rssBytes: number): void {
    this.#pass((to) => to.events.onMemory?.(rssBytes));
  }

  onLeaving(reason: string): void {
    this.#pass((to) => to.events.onLeaving?.(reason));
  }

  onImported(path: string): void {
    this.#pass((to) => to.events.onImported?.(path));
  }

  onClosed(reason: string): void {
    this.#pass((to) => to.events.onClosed(reason));
  }

  #pass(pass: (to: Listeners) => void): void {
    if (this.#to !== undefined) pass(this.#to);
    else if (this.#held.length < MAX_HELD) this.#held.push(pass);
  }
}
