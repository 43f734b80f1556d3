import { lines } from "./line_stream.ts";

/** The longest wait for one line of a child, unless the caller sets another. */
const LINE_TIMEOUT_MS = 120_000;
/** The time in which a child must end by itself. */
const END_TIMEOUT_MS = 15_000;
const KEPT_ERROR_LINES = 8;

/** Options of a process. */
export interface ChildOptions {
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** The user and the group of the process, if a bench that root runs must not run it as root. */
  readonly uid?: number;
  readonly gid?: number;
  /** The signal that asks the process to end. Default: none, its stdin is closed. */
  readonly stopSignal?: Deno.Signal;
}

/** A process of the bench that takes lines on stdin, and answers with lines on stdout. */
export class Child implements AsyncDisposable {
  static readonly #running = new Set<Child>();
  readonly pid: number;
  readonly #process: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #lines: AsyncGenerator<string, void>;
  readonly #errors: Promise<void>;
  readonly #errorLines: string[] = [];
  readonly #stopSignal: Deno.Signal | undefined;

  private constructor(program: string, { args, env, stopSignal, ...rest }: ChildOptions) {
    this.#process = new Deno.Command(program, {
      ...rest,
      args: [...args],
      env: { ...env },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.pid = this.#process.pid;
    this.#writer = this.#process.stdin.getWriter();
    // A write that finds the pipe closed is told of there; nobody waits for this.
    this.#writer.closed.catch(() => {});
    this.#lines = lines(this.#process.stdout);
    this.#errors = this.#keepErrors();
    this.#stopSignal = stopSignal;
    Child.#running.add(this);
  }

  /** @throws When the program is not there. */
  static spawn(program: string, options: ChildOptions): Child {
    return new Child(program, options);
  }

  /** For a bench that is interrupted: nothing may outlive it. */
  static killAll(): void {
    for (const child of Child.#running) child.#kill(child.#stopSignal ?? "SIGTERM");
  }

  /**
   * @throws When the process ends, or says nothing for too long; with the last that it wrote to
   * stderr.
   */
  async readLine(timeoutMs = LINE_TIMEOUT_MS): Promise<string> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => late.reject(new Error(`no answer within ${timeoutMs} ms${this.#lastErrors()}`)),
      timeoutMs,
    );
    try {
      const { done, value } = await Promise.race([this.#lines.next(), late.promise]);
      if (!done) return value;
      const [{ code }] = await Promise.all([this.#process.status, this.#errors]);
      throw new Error(`it ended with status ${code}${this.#lastErrors()}`);
    } finally {
      clearTimeout(timer);
    }
  }

  async writeLine(text: string): Promise<void> {
    await this.#writer.write(new TextEncoder().encode(`${text}\n`));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A process that is gone has closed its end.
    await this.#writer.close().catch(() => {});
    if (this.#stopSignal !== undefined) this.#kill(this.#stopSignal);
    const timer = setTimeout(() => this.#kill("SIGKILL"), END_TIMEOUT_MS);
    await Promise.all([this.#process.status, this.#errors]);
    clearTimeout(timer);
    await this.#lines.return();
    Child.#running.delete(this);
  }

  #kill(signal: Deno.Signal): void {
    try {
      this.#process.kill(signal);
    } catch (error) {
      // It has ended already.
      if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  async #keepErrors(): Promise<void> {
    for await (const line of lines(this.#process.stderr)) {
      this.#errorLines.push(line);
      if (this.#errorLines.length > KEPT_ERROR_LINES) this.#errorLines.shift();
    }
  }

  #lastErrors(): string {
    const text = this.#errorLines.map((it) => it.trim()).filter((it) => it !== "").join(" | ");
    return text === "" ? "" : `; last output: ${text.slice(-600)}`;
  }
}
