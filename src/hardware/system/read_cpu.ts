import { setImmediate } from "node:timers";
import { fileURLToPath } from "node:url";
import { messageOf } from "../../errors.ts";
import { isGranted } from "../../granted.ts";
import { canStartThread } from "../../process/mod.ts";
import type { HardwareProblem } from "../hardware_info.ts";
import { isWithoutLscpu } from "./cpu_info.ts";
import type { CommandOutput, CpuFacts, ThreadMessage } from "./cpu_thread.ts";
import { isRunGranted, RUN_MISSING, runShell } from "./run_shell.ts";
import { deniedProblem, isSysGranted } from "./sys_permission.ts";

/** The time that the thread may take, with all commands that it asks for. */
const LIMIT_MS = 5_000;

const THREAD = new URL("./cpu_thread.ts", import.meta.url);

/** Options of {@link readCpu}. */
export interface ReadCpuOptions {
  readonly signal?: AbortSignal | undefined;
  readonly limitMs?: number;
  /** The program of the thread. */
  readonly thread?: URL;
}

/** The facts about the processor; undefined if it could not be read. */
export interface CpuReading {
  readonly facts: CpuFacts | undefined;
  readonly problems: readonly HardwareProblem[];
}

/**
 * Reads the processor in a thread that lives only for this. Whatever breaks, hangs or throws in the
 * thread ends with it and becomes a problem. No process that it asked for is left.
 *
 * @throws Only the reason of the signal.
 */
export async function readCpu(
  { signal, limitMs = LIMIT_MS, thread = THREAD }: ReadCpuOptions = {},
): Promise<CpuReading> {
  signal?.throwIfAborted();
  // The start of a thread holds the event loop for 10 ms, so it gets a turn of its own.
  await new Promise((resolve) => setImmediate(resolve));
  signal?.throwIfAborted();
  const obstacle = obstacleFor(thread);
  if (obstacle !== undefined) return unread(obstacle);
  const { promise: interrupted, reject } = Promise.withResolvers<never>();
  interrupted.catch(() => {});
  const timer = setTimeout(() => reject(new TimeLimit()), limitMs);
  const onAbort = (): void => reject(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  await using reader = new CpuReader(thread, limitMs);
  try {
    const facts = await Promise.race([reader.facts, interrupted]);
    const gap = gapIn(facts);
    return { facts, problems: gap === undefined ? [] : [gap] };
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof TimeLimit) {
      const text = `the processor was not read within ${limitMs} ms`;
      return unread({ probe: "cpu", what: "timeout", text });
    }
    // Errors of a module loader have advice on further lines.
    return unread(failed(messageOf(error).split("\n", 1)[0] ?? ""));
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  }
}

class TimeLimit extends Error {}

function unread(problem: HardwareProblem): CpuReading {
  return { facts: undefined, problems: [problem] };
}

/** Returns the problem of facts that the package guesses, since it could not run lscpu. */
function gapIn(facts: CpuFacts): HardwareProblem | undefined {
  if (!isWithoutLscpu(facts)) return undefined;
  const lost = "vendor, cores and instruction sets of the processor are unknown";
  return isRunGranted()
    ? { probe: "cpu", what: "missing", text: `${lost}: lscpu is not installed, or does not work` }
    : { probe: "cpu", what: "denied", text: `${lost}: ${RUN_MISSING}` };
}

/** Returns the reason why no thread can be started. Deno would ask at the terminal, or end. */
function obstacleFor(thread: URL): HardwareProblem | undefined {
  if (!isSysGranted("cpus")) return deniedProblem("cpu", "the processor was not read");
  const path = thread.protocol === "file:" ? fileURLToPath(thread) : undefined;
  if (path !== undefined && !isGranted({ name: "read", path })) {
    const text = `the processor was not read: the permission --allow-read=${path} is missing`;
    return { probe: "cpu", what: "denied", text };
  }
  return canStartThread() ? undefined : failed("too few file descriptors are free for a thread");
}

function failed(reason: string): HardwareProblem {
  return { probe: "cpu", what: "failed", text: `the processor was not read: ${reason}` };
}

/** A running thread. Disposing it ends the thread and the commands that it asked for. */
class CpuReader implements AsyncDisposable {
  /** Rejects if the thread breaks. */
  readonly facts: Promise<CpuFacts>;
  readonly #worker: Worker;
  readonly #limitMs: number;
  readonly #ending = new AbortController();
  readonly #commands = new Set<Promise<void>>();

  constructor(thread: URL, limitMs: number) {
    this.#limitMs = limitMs;
    // Without `deno.permissions`, which would end a program that lacks the unstable option
    // "worker-options"; a program cannot ask whether it has the option.
    this.#worker = new Worker(thread, { type: "module", name: "cpu" });
    const { promise, resolve, reject } = Promise.withResolvers<CpuFacts>();
    this.facts = promise;
    promise.catch(() => {});
    this.#worker.onmessage = ({ data }: MessageEvent<ThreadMessage>) => {
      if (data.kind === "done") resolve(data.facts);
      else if (data.kind === "failed") reject(new Error(data.text));
      else this.#run(data.id, data.command);
    };
    this.#worker.onerror = (event) => {
      // Unhandled, the error would end the host.
      event.preventDefault();
      reject(new Error(event.message));
    };
  }

  #run(id: number, command: string): void {
    const { signal } = this.#ending;
    const running = runShell(command, { limitMs: this.#limitMs, signal }).then((output) => {
      const answer: CommandOutput = { id, ...output };
      if (!signal.aborted) this.#worker.postMessage(answer);
    }).finally(() => this.#commands.delete(running));
    this.#commands.add(running);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#worker.terminate();
    this.#ending.abort();
    await Promise.all(this.#commands);
  }
}
