import process from "node:process";

/** Notes the longest time between two turns of the event loop. */
export class LoopProbe implements Disposable {
  longestMs = 0;
  #turnedAt = performance.now();
  readonly #timer = setInterval(() => this.#turn(), 1);

  /** Forgets what was noted. */
  reset(): void {
    this.longestMs = 0;
    this.#turnedAt = performance.now();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #turn(): void {
    const now = performance.now();
    this.longestMs = Math.max(this.longestMs, now - this.#turnedAt);
    this.#turnedAt = now;
  }
}

/**
 * Notes the most time of the processor that the main thread has taken between two turns of its
 * event loop. Other processes do not count, however busy the machine is. Linux only; NaN elsewhere.
 */
export class LoopCpuProbe implements Disposable {
  longestMs = Deno.build.os === "linux" ? 0 : NaN;
  #takenMs = threadMs();
  readonly #timer = setInterval(() => this.#turn(), 1);

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #turn(): void {
    const takenMs = threadMs();
    this.longestMs = Math.max(this.longestMs, takenMs - this.#takenMs);
    this.#takenMs = takenMs;
  }
}

function threadMs(): number {
  if (Deno.build.os !== "linux") return NaN;
  const text = Deno.readTextFileSync(`/proc/self/task/${process.pid}/schedstat`);
  return Number(text.split(" ", 1)[0]) / 1e6;
}
