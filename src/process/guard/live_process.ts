import { messageOf } from "../../errors.ts";
import { amountIn, KIND } from "./frames.ts";
import {
  type GuardedEnd,
  type GuardedLaunch,
  type GuardedProcess,
  GuardLaunchError,
} from "./launch.ts";
import { WardenConnection } from "./warden_connection.ts";

/** So many bytes of input may be on their way to the program. */
const INPUT_WINDOW = 1 << 20;
const INPUT_FRAME_BYTES = 1 << 16;
/** A warden that does not end its job this long after the time is killed; then the guard does. */
const OVERDUE_MS = 10_000;
/** A timer takes no longer time. */
const MAX_GRACE_MS = 2 ** 31 - 1 - OVERDUE_MS;

interface Output {
  readonly source: "stdout" | "stderr";
  readonly bytes: Uint8Array;
}

/** The end of a program whose warden was lost. */
const LOST: GuardedEnd = {
  exit: { signal: "SIGKILL" },
  cause: "guard_lost",
  peakRssBytes: 0,
  killed: 0,
  leftKilled: 0,
};

/** The host's half of one job, opposite its warden. */
export class LiveProcess implements GuardedProcess {
  readonly ended: Promise<GuardedEnd>;
  readonly gone: Promise<GuardedEnd>;
  /** Resolves when the program runs. */
  readonly started: Promise<void>;
  readonly #launch: GuardedLaunch;
  readonly #connection: WardenConnection;
  readonly #sweep: () => Promise<void>;
  readonly #start = Promise.withResolvers<void>();
  readonly #outputs: Output[] = [];
  #isHeard = false;
  #isRefused = false;
  #pids = { pid: 0, wardenPid: 0 };
  #end: GuardedEnd | undefined;
  #isGone = false;
  #isDelivering = false;
  #delivery: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;
  #overdue: ReturnType<typeof setTimeout> | undefined;
  #inputOnTheWay = 0;
  #isInputClosed = false;
  /** Wakes the pump of the input. */
  #onInputRoom: (() => void) | undefined;

  /**
   * `mark` is a variable in the environment, as `NAME=value`. `sweep` kills what has it, if the
   * warden was lost.
   */
  constructor(
    conn: Deno.Conn,
    launch: GuardedLaunch,
    { mark, sweep }: { readonly mark: string; readonly sweep: () => Promise<void> },
  ) {
    this.#launch = launch;
    this.#sweep = sweep;
    this.started = this.#start.promise;
    this.#connection = new WardenConnection(conn, (kind, payload) => this.#handle(kind, payload));
    this.gone = this.#untilGone();
    this.ended = this.#untilEnded();
    // It may be awaited late, or never.
    this.ended.catch(() => {});
    this.started.catch(() => {});
    const { command, cwd, env, limits, stdin, isWrapped } = launch;
    const asked = { command, cwd, env, limits, mark, isWrapped, hasStdin: stdin !== undefined };
    this.#connection.send(KIND.launch, new TextEncoder().encode(JSON.stringify(asked)));
  }

  /** True once the warden has said a word. Before, nothing can have been started. */
  get isHeard(): boolean {
    return this.#isHeard;
  }

  get pid(): number {
    return this.#pids.pid;
  }

  stop(graceMs: number = this.#launch.graceMs): void {
    if (this.#isGone || this.#connection.isClosed) return;
    const grace = Math.max(0, Math.min(graceMs, MAX_GRACE_MS));
    this.#connection.sendAmount(KIND.stop, grace);
    clearTimeout(this.#overdue);
    this.#overdue = setTimeout(() => this.#killWarden(), grace + OVERDUE_MS);
  }

  /** Closes the connection, so that all processes are killed. */
  abandon(): void {
    this.#connection.close();
  }

  #killWarden(): void {
    try {
      if (this.#pids.wardenPid > 0) Deno.kill(this.#pids.wardenPid, "SIGKILL");
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  #handle(kind: number, payload: Uint8Array): void {
    this.#isHeard = true;
    switch (kind) {
      case KIND.started:
        this.#pids = parse(payload);
        this.#start.resolve();
        void this.#pump();
        break;
      case KIND.failed:
        this.#isRefused = true;
        this.#start.reject(this.#launchError(parse(payload)));
        break;
      case KIND.stdout:
      case KIND.stderr:
        this.#outputs.push({
          source: kind === KIND.stdout ? "stdout" : "stderr",
          bytes: payload,
        });
        if (!this.#isDelivering) this.#delivery = this.#deliver();
        break;
      case KIND.inputTaken:
        this.#inputOnTheWay -= amountIn(payload);
        this.#onInputRoom?.();
        break;
      case KIND.inputClosed:
        this.#closeInput();
        break;
      case KIND.ended:
        this.#end = endOf(parse(payload));
        break;
    }
  }

  #launchError(
    { step, code, reason }: {
      readonly step: GuardLaunchError["step"];
      readonly code: string;
      readonly reason: string;
    },
  ): GuardLaunchError {
    const { command: [program], cwd } = this.#launch;
    const what = step === "cwd" ? `${program} in ${cwd}` : program;
    return new GuardLaunchError(`Cannot start ${what}: ${reason}`, { step, code });
  }

  /** Hands output on, in order, and one part at a time. */
  async #deliver(): Promise<void> {
    this.#isDelivering = true;
    for (let it = this.#outputs.shift(); it !== undefined; it = this.#outputs.shift()) {
      try {
        if (this.#failure === undefined) {
          const taken = this.#launch.onOutput(it.source, it.bytes);
          if (taken !== undefined) await taken;
        }
      } catch (error) {
        this.#fail(error);
      }
      this.#connection.took(KIND.taken, it.bytes.byteLength);
    }
    this.#isDelivering = false;
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.stop(0);
  }

  async #untilGone(): Promise<GuardedEnd> {
    await this.#connection.ended;
    clearTimeout(this.#overdue);
    // The guard has killed what its warden left, unless it was killed as well.
    if (this.#isHeard && !this.#isRefused && this.#end === undefined) await this.#sweep();
    this.#isGone = true;
    this.#closeInput();
    this.#start.reject(
      new GuardLaunchError(`Cannot start ${this.#launch.command[0]}: the guard was lost`, {
        step: "guard",
        code: "guard_lost",
      }),
    );
    return this.#end ?? LOST;
  }

  async #untilEnded(): Promise<GuardedEnd> {
    const end = await this.gone;
    await this.#delivery;
    if (this.#failure !== undefined) throw this.#failure.error;
    return end;
  }

  #closeInput(): void {
    this.#isInputClosed = true;
    this.#onInputRoom?.();
  }

  /** Sends the input, as fast as the program reads it. */
  async #pump(): Promise<void> {
    const { stdin } = this.#launch;
    if (stdin === undefined) return;
    const chunks = stdin instanceof Uint8Array ? [stdin] : stdin;
    try {
      // Leaving the loop cancels the stream.
      for await (const chunk of chunks) {
        for (let at = 0; at < chunk.byteLength; at += INPUT_FRAME_BYTES) {
          await this.#untilInputRoom();
          if (this.#isInputClosed) return;
          const part = chunk.subarray(at, at + INPUT_FRAME_BYTES);
          this.#inputOnTheWay += part.byteLength;
          this.#connection.send(KIND.input, part);
        }
        if (this.#isInputClosed) return;
      }
      this.#connection.send(KIND.inputEnd);
    } catch (error) {
      this.#fail(new Error(`Cannot read the input: ${messageOf(error)}`, { cause: error }));
    }
  }

  async #untilInputRoom(): Promise<void> {
    while (this.#inputOnTheWay >= INPUT_WINDOW && !this.#isInputClosed) {
      await new Promise<void>((resolve) => this.#onInputRoom = resolve);
    }
    this.#onInputRoom = undefined;
  }
}

/** Returns the end that a warden reports. */
function endOf(said: Omit<GuardedEnd, "leftKilled">): GuardedEnd {
  return { ...said, leftKilled: said.cause === "exited" ? said.killed : 0 };
}

function parse<T>(payload: Uint8Array): T {
  return JSON.parse(new TextDecoder().decode(payload));
}
