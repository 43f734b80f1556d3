import { settlesWithin } from "../async/mod.ts";
import { SnakedenError } from "../errors.ts";
import { isGranted, readVariable } from "../granted.ts";
import { signalExitCode } from "./exit_codes.ts";

/** The signals that ask a process to stop, with their numbers. */
const STOP_SIGNALS: Partial<Record<Deno.Signal, number>> = Deno.build.os === "windows"
  ? { SIGINT: 2, SIGBREAK: 21 }
  : { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 };

/**
 * The time during which further signals belong to the first request. A Ctrl-C reaches the host from
 * the terminal and once more from `deno task`, which forwards it; a supervisor signals both
 * processes. The copies were seen 0.1 ms to 2 ms apart. A person who presses Ctrl-C again, because
 * nothing seems to happen, takes longer.
 */
const SAME_REQUEST_MS = 500;
/**
 * The number of parts of that time. After each part the event loop delivers the signals that have
 * arrived, so that a busy loop cannot turn a copy into a second request.
 */
const TURNS = 5;

/** The bound on the time of {@link StopSignalsOptions.onSecond}, in milliseconds. */
const LAST_WORD_MS = 200;

/** The entry of the log for a signal that ends the process at once. */
export const ENDS_AT_ONCE = "ending at once, since {signal} came again: the workers are killed, " +
  "and their calls fail";

/** A request to stop. */
export interface StopRequest {
  readonly name: Deno.Signal;
  /** The exit status of a process that ends because of the signal. */
  readonly status: number;
}

/** Options of {@link StopSignals.listen}. */
export interface StopSignalsOptions {
  /**
   * Called before a later signal ends the process. The process ends when the promise settles, and
   * after {@link LAST_WORD_MS} at the latest, since nobody may be reading.
   */
  readonly onSecond?: (request: StopRequest) => Promise<unknown>;
  /** The result of {@link ignoredSignals}, which a program asks for as early as it can. */
  readonly ignored?: ReadonlySet<string>;
}

/**
 * The signals that stop a process: SIGINT, SIGTERM and SIGHUP. The first one aborts {@link stop}.
 * Any stop signal within {@link SAME_REQUEST_MS} is a copy of the first. A later SIGINT or SIGTERM
 * ends the process at once with 128 + n. A later SIGHUP does not, since a terminal that closes
 * sends SIGHUP to everything that still runs in it.
 *
 * A signal that was ignored when the process started stays ignored, as `nohup` and shells that
 * start jobs in the background intend.
 */
export class StopSignals implements Disposable {
  readonly #controller = new AbortController();
  readonly #requested = Promise.withResolvers<StopRequest>();
  readonly #listeners: (() => void)[] = [];
  readonly #onSecond: StopSignalsOptions["onSecond"];
  #request: StopRequest | undefined;
  #acceptsSecond = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  private constructor({ onSecond }: StopSignalsOptions) {
    this.#onSecond = onSecond;
  }

  /** Listens for the signals. Takes a few milliseconds to find out which of them are ignored. */
  static async listen(options: StopSignalsOptions = {}): Promise<StopSignals> {
    const signals = new StopSignals(options);
    const ignored = options.ignored ?? await ignoredSignals();
    for (const [name, number] of Object.entries(STOP_SIGNALS) as [Deno.Signal, number][]) {
      const request = { name, status: signalExitCode(number) };
      // Every signal needs a listener: with the first listener Deno takes over all signals, and
      // ends the process for a signal that has none.
      signals.#add(name, ignored.has(name) ? () => {} : () => signals.#onSignal(request));
    }
    return signals;
  }

  /** Aborts with the first signal; its reason is an error with the code `cancelled`. */
  get stop(): AbortSignal {
    return this.#controller.signal;
  }

  /** The first signal; undefined before it has arrived. */
  get request(): StopRequest | undefined {
    return this.#request;
  }

  /** Resolves with the first signal. */
  get requested(): Promise<StopRequest> {
    return this.#requested.promise;
  }

  /**
   * Stops the process as SIGTERM does. Never the second request: the parent whose end is the cause
   * may have sent a signal as well.
   */
  requestStop(): void {
    if (this.#request === undefined) {
      this.#onSignal({ name: "SIGTERM", status: signalExitCode(15) });
    }
  }

  /** Restores the default effect of the signals. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    for (const remove of this.#listeners.splice(0)) remove();
  }

  #add(name: Deno.Signal, listener: () => void): void {
    Deno.addSignalListener(name, listener);
    this.#listeners.push(() => Deno.removeSignalListener(name, listener));
  }

  #onSignal(request: StopRequest): void {
    if (this.#request === undefined) {
      this.#request = request;
      this.#requested.resolve(request);
      this.#awaitSecond(TURNS);
      this.#controller.abort(new SnakedenError("cancelled", `Stopped by ${request.name}`));
    } else if (this.#acceptsSecond && request.name !== "SIGHUP") {
      this.#acceptsSecond = false;
      void this.#endAtOnce(request);
    }
  }

  async #endAtOnce(request: StopRequest): Promise<void> {
    const said = this.#onSecond?.(request);
    if (said !== undefined) await settlesWithin(said, LAST_WORD_MS);
    // When this process is gone, workers see the end of their stdin and kill themselves.
    Deno.exit(request.status);
  }

  #awaitSecond(turns: number): void {
    this.#acceptsSecond = turns === 0;
    if (turns === 0) return;
    const timer = setTimeout(() => this.#awaitSecond(turns - 1), SAME_REQUEST_MS / TURNS);
    Deno.unrefTimer(timer);
    this.#timer = timer;
  }
}

/**
 * A shell script that sends each signal to itself and prints those that arrive. A child inherits
 * the ignored signals of its parent, and a shell cannot trap a signal that was ignored when it
 * started. Deno has no function for this, and opens /proc only to programs with all permissions.
 *
 * `deno task` catches every signal, so its children do not ignore the signals that it was started
 * with. If the parent of this process is a `deno task`, the script therefore also prints the
 * signals that the parent of `deno task` ignores.
 */
const PROBE = `
for name in INT TERM HUP; do trap "echo SIG$name" $name; kill -s $name $$; done
read -r _ _ _ task _ < /proc/$PPID/stat && read -r name < /proc/$task/comm || exit 0
[ "$name" = deno ] && read -r _ _ _ starter _ < /proc/$task/stat || exit 0
while read -r key mask; do [ "$key" = SigIgn: ] && echo "starter ignores $mask"; done < /proc/$starter/status
exit 0`;
/**
 * SIGHUP is signal 1, so it is the lowest bit. Only this bit counts, since a shell may ignore other
 * signals and restore them for its children.
 */
const STARTER_IGNORES_SIGHUP = /^starter ignores [\da-f]*[13579bdf]$/m;

/**
 * Returns the signals that this process was started with as ignored; none if that cannot be found
 * out. After half a second of turns of the event loop Deno takes over the stop signals by itself,
 * and then none seems to be ignored: call this while the first module is evaluated.
 */
export async function ignoredSignals(): Promise<ReadonlySet<string>> {
  const known = new Set<string>(isUnderNohup() ? ["SIGHUP"] : []);
  const command = "/bin/sh";
  if (Deno.build.os === "windows" || !isGranted({ name: "run", command })) return known;
  try {
    const { success, stdout } = await new Deno.Command(command, {
      args: ["-c", PROBE],
      clearEnv: true,
      stdin: "null",
      stderr: "null",
    }).output();
    if (!success) return known;
    const text = new TextDecoder().decode(stdout);
    const arrived = text.split("\n");
    if (STARTER_IGNORES_SIGHUP.test(text)) known.add("SIGHUP");
    const ignored = Object.keys(STOP_SIGNALS).filter((name) => !arrived.includes(name));
    return known.union(new Set(ignored));
  } catch {
    // Without a shell, or if no process can be started, no signal counts as ignored.
    return known;
  }
}

/**
 * Returns true when a shell has started this process, or `deno task` around it, with nohup: bash,
 * zsh and ksh name the program that they started in the variable `_`.
 */
function isUnderNohup(): boolean {
  return /(^|\/)nohup$/.test(readVariable("_") ?? "");
}
