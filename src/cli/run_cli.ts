import { Command, CommanderError } from "commander";
import { InvalidInputError, SnakedenClient } from "../client/mod.ts";
import { CLIENT_ENV, HOST_ENV } from "../environment_names.ts";
import {
  type Act,
  type CliIo,
  type CommonOptions,
  type Context,
  errorText,
  EXIT,
  type ExitStatus,
  Interrupted,
  Output,
  OutputClosed,
  statusOf,
  UsageError,
} from "./command/mod.ts";
import { addJobCommands } from "./jobs/mod.ts";
import { addPoolCommands } from "./pools/mod.ts";

const DEFAULT_URL = "http://127.0.0.1:8000";
/** The time that a command has to end by itself after Ctrl-C. */
const GRACE_MS = 1_000;
/**
 * The time during which further signals are copies of the first one: a Ctrl-C comes from the
 * terminal, and once more from `deno task`, which forwards it.
 */
const SAME_REQUEST_MS = 500;
const USUAL_COLUMNS = 80;
/** Help that is narrower cannot be read. */
const MIN_HELP_COLUMNS = 40;

/**
 * Runs the program with its arguments. Returns the exit status; everything that can go wrong is one
 * of {@link EXIT}.
 */
export async function runCli(args: readonly string[], io: CliIo): Promise<ExitStatus> {
  const interruption = new AbortController();
  const second = Promise.withResolvers<ExitStatus>();
  let acceptsSecond = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const ignore = io.onInterrupt(() => {
    if (acceptsSecond) second.resolve(EXIT.interrupted);
    if (interruption.signal.aborted) return;
    interruption.abort(new Interrupted("Interrupted"));
    timer = setTimeout(() => acceptsSecond = true, SAME_REQUEST_MS);
  });
  try {
    return await Promise.race([run(args, io, interruption.signal), second.promise]);
  } finally {
    clearTimeout(timer);
    ignore();
  }
}

async function run(args: readonly string[], io: CliIo, signal: AbortSignal): Promise<ExitStatus> {
  const plain = new Output(io, "auto");
  let status: ExitStatus = EXIT.ok;
  let help = "";
  const act: Act = (work) => async (...given) => {
    const options = optionsIn(given);
    const output = new Output(io, options.color);
    status = await settled(output, async () => {
      await using client = clientOf(options, io);
      const { json: isJson = false, quiet: isQuiet = false } = options;
      if (isJson && isQuiet) {
        throw new UsageError("--quiet: given beside --json; allowed: one of them");
      }
      const context: Context = { io, client, output, isJson, isQuiet, signal };
      return await orInterrupted(work(context, ...given), signal);
    });
  };
  const program = programOf(io, { act, onHelp: (text) => help += text });
  try {
    await program.parseAsync([...args], { from: "user" });
    return status;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    const isAsked = error.exitCode === 0;
    return await settled(plain, async () => {
      if (isAsked) await plain.write(help);
      else await plain.note(help.trimEnd());
      return isAsked ? EXIT.ok : EXIT.usage;
    });
  }
}

function programOf(
  io: CliIo,
  { act, onHelp }: { readonly act: Act; readonly onHelp: (text: string) => void },
): Command {
  const width = Math.max(MIN_HELP_COLUMNS, io.columns() || USUAL_COLUMNS);
  const program = new Command("deno task")
    .exitOverride()
    .showHelpAfterError("(--help shows what is allowed)")
    .configureOutput({
      writeOut: onHelp,
      writeErr: onHelp,
      getOutHelpWidth: () => width,
      getErrHelpWidth: () => width,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });
  addJobCommands(program, act);
  addPoolCommands(program, act);
  return program;
}

/** Returns the options among the arguments of an action: the last object before the command. */
function optionsIn(given: readonly unknown[]): CommonOptions {
  return given.at(-2) as CommonOptions;
}

/** Waits for a command. If it does not end soon after Ctrl-C, that is its end. */
async function orInterrupted(
  work: Promise<ExitStatus>,
  signal: AbortSignal,
): Promise<ExitStatus> {
  const { promise, reject } = Promise.withResolvers<never>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const onAbort = (): void => {
    timer = setTimeout(() => reject(signal.reason), GRACE_MS);
  };
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
  }
}

/** Returns the status of work, and writes its error. */
async function settled(output: Output, work: () => Promise<ExitStatus>): Promise<ExitStatus> {
  try {
    return await work();
  } catch (error) {
    await output.clearProgress();
    const isQuiet = error instanceof OutputClosed || error instanceof Interrupted;
    if (!isQuiet) await output.note(errorText(error, output.paintNote));
    return statusOf(error);
  }
}

function clientOf({ url }: CommonOptions, io: CliIo): SnakedenClient {
  const baseUrl = url ?? (io.env(CLIENT_ENV.url) || DEFAULT_URL);
  const apiKey = io.env(HOST_ENV.apiKey);
  try {
    return new SnakedenClient({ baseUrl, ...(apiKey ? { apiKey } : {}) });
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    const names: Readonly<Record<string, string>> = {
      baseUrl: url === undefined ? CLIENT_ENV.url : "--url",
      apiKey: HOST_ENV.apiKey,
    };
    const list = error.issues.map(({ path, message }) => `${names[path] ?? path}: ${message}`);
    throw new UsageError(list.join("; "));
  }
}
