import type { Log } from "../../bridge/mod.ts";

/** A pipe of a worker. */
export type OutputPipe = "stdout" | "stderr";

/** Receives all output of one call, also what the log of the host has no room for. */
export interface OutputSink {
  /** Takes a line that was printed. Must not throw. */
  line(text: string, from: OutputPipe): void;
  /** Takes an entry of Python's logging. Must not throw. */
  entry(entry: Log): void;
  /** Resolves when more output is welcome; undefined if it is now. */
  readonly room: Promise<void> | undefined;
}

/** The pipes as the bits of Printed in link.proto. */
const BIT: Readonly<Record<OutputPipe, number>> = { stdout: 1, stderr: 2 };

/** Waits until the output of a call has been read from each pipe in which it was marked. */
export class OutputEnd {
  /** Resolves when it was read, or the worker is gone. */
  readonly read: Promise<void>;
  readonly #resolve: () => void;
  #unread: number;

  /** @param pipes The pipes in which it was marked. */
  constructor(pipes: number, ended: number) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.read = promise;
    this.#resolve = resolve;
    this.#unread = pipes & ~ended;
    if (this.isRead) resolve();
  }

  get isRead(): boolean {
    return this.#unread === 0;
  }

  /** Notes that the output has ended in a pipe. */
  ended(pipe: OutputPipe): void {
    this.#unread &= ~BIT[pipe];
    if (this.isRead) this.#resolve();
  }

  /** Waits no longer. */
  giveUp(): void {
    this.#unread = 0;
    this.#resolve();
  }
}

/** Returns a pipe as a bit. */
export function bitOf(pipe: OutputPipe): number {
  return BIT[pipe];
}
