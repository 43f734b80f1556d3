import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import process from "node:process";
import { lineReader } from "./host_output.ts";

/** The end of a host: an exit status or a signal; the other one is null. */
export interface HostEnd {
  readonly exitCode: number | null;
  readonly signal: string | null;
}

/** A program to start. */
export interface ProgramSpec {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly onLine: (line: string, from: "stdout" | "stderr") => void;
}

/** The time for the last output of an ended process, whose pipes a child of it may hold open. */
const LAST_OUTPUT_MS = 200;

/**
 * A child process with a session of its own, out of reach of the terminal: after Ctrl-C this
 * program decides what happens to it. Its stdin is a pipe that stays open as long as this program
 * lives, whose end tells the child to stop.
 */
export class HostProcess {
  readonly pid: number;
  /** Resolves when the process has ended and its last output has been read. Never rejects. */
  readonly exited: Promise<HostEnd>;
  readonly #child: ChildProcessWithoutNullStreams;
  #end: HostEnd | undefined;

  private constructor(child: ChildProcessWithoutNullStreams, pid: number) {
    this.#child = child;
    this.pid = pid;
    this.exited = new Promise((resolve) => {
      const onEnd = (end: HostEnd): void => {
        this.#end ??= end;
        resolve(end);
      };
      child.once("exit", (exitCode, signal) => {
        const end = { exitCode, signal };
        const timer = setTimeout(() => onEnd(end), LAST_OUTPUT_MS);
        child.once("close", () => {
          clearTimeout(timer);
          onEnd(end);
        });
      });
    });
  }

  /** Starts a program. @throws {Error} If it cannot be started. */
  static async start({ command, args, cwd, env, onLine }: ProgramSpec): Promise<HostProcess> {
    const child = spawn(command, [...args], { cwd, env, detached: true, stdio: "pipe" });
    for (const from of ["stdout", "stderr"] as const) {
      child[from].setEncoding("utf8");
      child[from].on("data", lineReader((line) => onLine(line, from)));
    }
    // A child that has ended breaks the pipe, which is no news.
    child.stdin.on("error", () => {});
    const { pid } = child;
    const host = pid === undefined ? undefined : new HostProcess(child, pid);
    await new Promise<void>((resolve, reject) => {
      child.once("spawn", resolve);
      child.on("error", reject);
    });
    if (host === undefined) throw new Error(`${command} has no process`);
    return host;
  }

  /** The end of the process; undefined while it runs. */
  get end(): HostEnd | undefined {
    return this.#end;
  }

  /** Lets this program end while the process runs; it then stops by itself. */
  unref(): void {
    this.#child.unref();
    for (const pipe of this.#pipes()) pipe.unref?.();
  }

  /** Ends its stdin, so that it stops in order; kills it after `graceMs`. Resolves at its end. */
  async stop(graceMs: number): Promise<void> {
    if (this.#end !== undefined) return;
    this.#child.ref();
    for (const pipe of this.#pipes()) pipe.ref?.();
    this.#child.stdin.end();
    const timer = setTimeout(() => this.kill(), graceMs);
    await this.exited;
    clearTimeout(timer);
  }

  /** Kills the process and its group. */
  kill(): void {
    if (this.#end !== undefined) return;
    try {
      process.kill(-this.pid, "SIGKILL");
    } catch {
      // It has just ended.
    }
  }

  /** The pipes, which Node and Bun make as sockets. */
  #pipes(): readonly { ref?: () => unknown; unref?: () => unknown }[] {
    const { stdin, stdout, stderr } = this.#child;
    return [stdin, stdout, stderr] as { ref?: () => unknown; unref?: () => unknown }[];
  }
}

/** Describes an end, to follow the name of a process. */
export function endText({ exitCode, signal }: HostEnd): string {
  return signal === null ? `ended with status ${exitCode}` : `was ended by ${signal}`;
}
