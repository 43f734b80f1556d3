import { setImmediate } from "node:timers";
import { settlesWithin } from "../../async/mod.ts";
import { killGroup } from "../../process/mod.ts";

/** The number of bytes of each stream above which the output of a tool is given up. */
export const MAX_OUTPUT_BYTES = 1024 * 1024;

/**
 * The time that a killed process has to go. One that waits for its device inside the kernel cannot
 * be killed; it is left behind.
 */
const REAP_MS = 500;

/** After the end, streams are abandoned when this much time brings nothing. */
const SILENCE_MS = 50;

/** The end of a tool: by itself, or the reason why it was killed. */
export type ToolEnd = Deno.CommandStatus | "timeout" | "too much" | "aborted";

/** The end and the output of a tool. */
export interface ToolRun {
  readonly end: ToolEnd;
  readonly stdout: string;
  readonly stderr: string;
}

/** Reads a tool, which leads a process group, to its end, and kills the group. Never rejects. */
export async function followTool(
  child: Deno.ChildProcess,
  { limitMs, signal }: { readonly limitMs: number; readonly signal: AbortSignal | undefined },
): Promise<ToolRun> {
  // The first cause wins.
  const { promise, resolve } = Promise.withResolvers<ToolEnd>();
  const timer = setTimeout(() => resolve("timeout"), limitMs);
  const onAbort = (): void => resolve("aborted");
  signal?.addEventListener("abort", onAbort, { once: true });
  const tooMuch = (): void => resolve("too much");
  const pipes = [new CappedPipe(child.stdout, tooMuch), new CappedPipe(child.stderr, tooMuch)];
  void child.status.then(resolve);
  const end = await promise;
  clearTimeout(timer);
  signal?.removeEventListener("abort", onAbort);
  // Whatever the tool started ends with it.
  killGroup(child.pid);
  if (!await settlesWithin(child.status, REAP_MS)) child.unref();
  await hearOut(pipes);
  const [stdout = "", stderr = ""] = pipes.map((it) => it.text());
  // The last line of a tool that was killed may be half a line, and its numbers half a number.
  const isCut = typeof end === "string";
  return { end, stdout: isCut ? stdout.slice(0, stdout.lastIndexOf("\n") + 1) : stdout, stderr };
}

/** Waits until the pipes have ended, or fall silent: a process outside the group may hold them. */
async function hearOut(pipes: readonly CappedPipe[]): Promise<void> {
  const ended = Promise.all(pipes.map((it) => it.ended));
  const sum = (): number => pipes.reduce((all, it) => all + it.bytes, 0);
  for (let before = -1; before !== sum();) {
    before = sum();
    if (await settlesWithin(ended, SILENCE_MS)) break;
    // If the loop was busy for so long, the pipes were not read either.
    await nextTurn();
  }
  await Promise.all(pipes.map((it) => it.leave()));
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** Reads a pipe to its end, and gives it up after {@link MAX_OUTPUT_BYTES}. */
class CappedPipe {
  readonly ended: Promise<void>;
  /** The number of bytes read. */
  bytes = 0;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #decoder = new TextDecoder();
  readonly #texts: string[] = [];

  constructor(pipe: ReadableStream<Uint8Array>, onTooMuch: () => void) {
    this.#reader = pipe.getReader();
    this.ended = this.#read(onTooMuch);
  }

  /** The text read. Bytes that are not UTF-8 are U+FFFD. */
  text(): string {
    return this.#texts.join("");
  }

  /** Abandons the pipe. */
  async leave(): Promise<void> {
    await this.#reader.cancel().catch(() => {});
    await this.ended;
  }

  async #read(onTooMuch: () => void): Promise<void> {
    try {
      for (;;) {
        const { value } = await this.#reader.read();
        if (value === undefined) return;
        this.bytes += value.byteLength;
        if (this.bytes > MAX_OUTPUT_BYTES) {
          this.#texts.length = 1;
          // The pipe stays open, or the tool would go on before it is killed.
          return onTooMuch();
        }
        this.#texts.push(this.#decoder.decode(value, { stream: true }));
        // Reads of a full pipe succeed at once, and would keep timers waiting.
        await nextTurn();
      }
    } catch {
      // The pipe broke. The output before that counts.
    }
  }
}
