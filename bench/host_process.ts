import { join } from "node:path";
import { Child, type ChildOptions } from "./child.ts";
import type { Answer, HostCommand, HttpCommand, ReadyLine } from "./commands.ts";
import type { StartOptions } from "./contender.ts";
import { ROOT } from "./installation.ts";
import type { Figures } from "./measure.ts";

const START_TIMEOUT_MS = 180_000;

/** A process that measures on command, as the main process of the bench sees it. */
export class MeasuringProcess<C> implements AsyncDisposable {
  readonly pid: number;
  /** The Python processes that it has started. */
  readonly pids: readonly number[];
  /** The figures that it reports about its own start, and `processMs`, the time since its spawn. */
  readonly started: Figures;
  readonly #child: Child;

  private constructor(child: Child, { pids, figures }: ReadyLine, processMs: number) {
    this.#child = child;
    this.pid = child.pid;
    this.pids = pids;
    this.started = { ...figures, processMs };
  }

  /**
   * Starts a script of the bench. `config` is the deno.json by which it finds packages; the default
   * is that of Snakeden.
   *
   * @throws If it cannot start, with the reason.
   */
  static start<C>(
    script: string,
    args: readonly string[],
    { config = join(ROOT, "deno.json") }: { readonly config?: string } = {},
  ): Promise<MeasuringProcess<C>> {
    return MeasuringProcess.spawn<C>(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--quiet",
        "--config",
        config,
        join(ROOT, script),
        ...args,
      ],
      cwd: ROOT,
    });
  }

  /**
   * Starts any program that takes commands in the same way.
   *
   * @throws If it cannot start, with the reason.
   */
  static async spawn<C>(program: string, options: ChildOptions): Promise<MeasuringProcess<C>> {
    const startedAt = performance.now();
    const child = Child.spawn(program, options);
    try {
      const ready = okOf<ReadyLine>(await child.readLine(START_TIMEOUT_MS));
      return new MeasuringProcess<C>(child, ready, performance.now() - startedAt);
    } catch (error) {
      await child[Symbol.asyncDispose]();
      throw error;
    }
  }

  /**
   * Runs a command, and returns its figures.
   *
   * @throws If the measurement failed or took too long, or the process ended.
   */
  async run(command: C, timeoutMs?: number): Promise<Figures> {
    await this.#child.writeLine(JSON.stringify(command));
    return okOf<Figures>(await this.#child.readLine(timeoutMs));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child[Symbol.asyncDispose]();
  }
}

/** A process with one contender. */
export type Host = MeasuringProcess<HostCommand>;

/** Starts the contender called `name` in a process of its own. */
export function startHost(name: string, options: StartOptions): Promise<Host> {
  return MeasuringProcess.start("bench/host.ts", [name, JSON.stringify(options)]);
}

/** Starts the load generator. */
export function startHttpLoad(): Promise<MeasuringProcess<HttpCommand>> {
  return MeasuringProcess.start("bench/http_load.ts", []);
}

function okOf<T>(line: string): T {
  const answer: Answer<T> = JSON.parse(line);
  if ("error" in answer) throw new Error(answer.error);
  return answer.ok;
}
