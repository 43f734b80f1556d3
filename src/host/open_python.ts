import { type Clock, SYSTEM_CLOCK } from "../async/mod.ts";
import type { Config } from "../config/mod.ts";
import { getLogger, isLoggingConfigured, writeWhole } from "../log.ts";
import { ensurePythons, type PoolChoice, type PoolPythons } from "../python_env/mod.ts";

/** Options of {@link openPythons}. */
export interface OpenPythonsOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onSetupProgress?: ((line: string) => void) | undefined;
}

/**
 * Opens the Python of each pool; builds environments side by side if needed.
 *
 * @throws {SnakedenError} `python_environment`.
 */
export async function openPythons(
  config: Pick<Config, "dataDir" | "python" | "pools">,
  { signal, onSetupProgress }: OpenPythonsOptions,
): Promise<PoolPythons> {
  const { dataDir } = config;
  using notice = new SetupNotice(dataDir);
  return await ensurePythons(pythonChoices(config), {
    dataDir,
    signal,
    onProgress: onSetupProgress ?? ((line) => notice.onLine(line)),
  });
}

/** Returns the choice of each pool: its own `python`, or the one at the top. */
export function pythonChoices({ python, pools }: Pick<Config, "python" | "pools">): PoolChoice[] {
  return pools.map(({ name, python: own }) => ({ pool: name, ...(hasPython(own) ? own : python) }));
}

/** Returns true if a pool chooses its own Python, by an interpreter or by requirements. */
export function hasPython(own: Config["pools"][number]["python"]): boolean {
  return own?.executable !== undefined || own?.requirements !== undefined;
}

/** The time for which the preparation of Python may be silent at a terminal. */
const SILENT_MS = 2_000;

/** Dependencies of a {@link SetupNotice}, which tests replace. */
export interface SetupNoticeDeps {
  readonly clock?: Clock;
  /** Returns true if a person waits for the program, and nobody has decided about the log. */
  readonly isWatched?: () => boolean;
  readonly write?: (text: string) => void;
}

/**
 * Tells of the preparation of the Python environment when the program does not. Each step goes to
 * the log. A person at a terminal without a log gets one line, once the preparation has taken a
 * while: a program that stands still for so long looks broken. Disposing ends the wait.
 */
export class SetupNotice implements Disposable {
  readonly #dataDir: string;
  readonly #deps: Required<SetupNoticeDeps>;
  #cancel: (() => void) | undefined;

  constructor(dataDir: string, deps: SetupNoticeDeps = {}) {
    this.#dataDir = dataDir;
    this.#deps = {
      clock: SYSTEM_CLOCK,
      isWatched: () => Deno.stderr.isTerminal() && !isLoggingConfigured(),
      write: (text) => writeWhole(Deno.stderr, text),
      ...deps,
    };
  }

  /** Takes a line about the preparation. An environment that is there already has none. */
  onLine(line: string): void {
    getLogger("python").info("{line}", { line });
    this.#cancel ??= this.#deps.clock.after(SILENT_MS, () => this.#tell());
  }

  [Symbol.dispose](): void {
    this.#cancel?.();
  }

  #tell(): void {
    if (!this.#deps.isWatched()) return;
    this.#deps.write(
      `snakeden: preparing the Python environment in ${this.#dataDir}, once; this may take a ` +
        "minute, and longer with large packages\n",
    );
  }
}
