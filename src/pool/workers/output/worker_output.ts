import type { Alarms } from "../../../async/mod.ts";
import type { Log } from "../../../bridge/mod.ts";
import { IdCells } from "../../../collections/mod.ts";
import type { OutputPipe, OutputSink } from "../../calls/mod.ts";
import type { OutputLine } from "./output_marks.ts";
import { WorkerLog } from "./worker_log.ts";

/** An attempt, as the output of its worker sees it. */
export interface PrintingAttempt {
  readonly call: { readonly number: number; readonly output: OutputSink | undefined };
  /** True once its output has been read from all pipes in which it was marked. */
  readonly isOutputRead: boolean;
  /** Notes that its output has ended in a pipe. */
  outputEnded(pipe: OutputPipe): void;
  /** Waits for its output no longer. */
  giveUpOutput(): void;
}

/** Dependencies of {@link WorkerOutput}. */
export interface WorkerOutputDeps {
  /** The id of the worker. */
  readonly id: string;
  readonly callPrefix: string;
  /** Returns the attempt in flight of the call with this number. */
  readonly find: (number: number) => PrintingAttempt | undefined;
}

/**
 * Hands out the output of one worker: all of it to the log of the host, which is bounded, and that
 * of a call that keeps its output to the sink of the call as well.
 */
export class WorkerOutput {
  readonly #log: WorkerLog;
  readonly #find: WorkerOutputDeps["find"];
  /** Attempts that were answered, and whose output has not been read to its end. */
  readonly #unread = new IdCells<PrintingAttempt>();
  /** The sink of the last line, and the call that it belongs to. */
  #sink: OutputSink | undefined;
  #number = 0;

  constructor({ id: workerId, callPrefix, find }: WorkerOutputDeps, alarms: Alarms) {
    this.#log = new WorkerLog({ workerId, callPrefix }, alarms);
    this.#find = find;
  }

  /** The listeners for what the process prints. */
  readonly listeners = {
    onLine: (line: OutputLine, from: OutputPipe): void => {
      this.#log.line(line, from);
      if (line.owner > 0) this.#sinkOf(line.owner)?.line(line.text, from);
    },
    onOutputEnd: (number: number, pipe: OutputPipe): void => {
      const attempt = this.#unread.get(number) ?? this.#find(number);
      attempt?.outputEnded(pipe);
      if (attempt?.isOutputRead) this.#unread.delete(number);
      if (number === this.#number) this.#forget();
    },
    room: (): Promise<void> | undefined => this.#sink?.room,
  };

  /** Takes an entry of Python's logging. */
  entry(entry: Log): void {
    this.#log.entry(entry);
    if (entry.callId > 0) this.#sinkOf(entry.callId)?.entry(entry);
  }

  /** Waits for the end of the output of an attempt. */
  awaitEnd(attempt: PrintingAttempt): void {
    if (!attempt.isOutputRead) this.#unread.set(attempt.call.number, attempt);
  }

  /**
   * Ends the output of the worker. If it died in a single call, that gets the lines that the
   * process wrote as it died.
   *
   * @param lost The calls that ran.
   * @param dump Lines that belong to no call.
   */
  close(lost: readonly PrintingAttempt[], dump: readonly string[]): void {
    this.#log.close();
    const [attempt] = lost;
    if (lost.length === 1) { for (const text of dump) attempt?.call.output?.line(text, "stderr"); }
    for (const attempt of this.#unread.values()) attempt.giveUpOutput();
    this.#unread.clear();
    this.#forget();
  }

  #sinkOf(number: number): OutputSink | undefined {
    if (number !== this.#number) {
      const attempt = this.#unread.get(number) ?? this.#find(number);
      this.#sink = attempt?.call.output;
      // The next line may tell of an attempt that is not known yet.
      this.#number = attempt === undefined ? 0 : number;
    }
    return this.#sink;
  }

  #forget(): void {
    this.#sink = undefined;
    this.#number = 0;
  }
}
