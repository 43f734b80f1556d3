import { type Config, isDemo } from "../config/mod.ts";
import type { CallsAtStop } from "../host/mod.ts";
import { getLogger } from "../log.ts";
import { ENDS_AT_ONCE } from "../process/mod.ts";
import { nextSteps } from "../routes/mod.ts";
import type { Snakeden } from "../snakeden.ts";
import { OVER_HTTP } from "../tools/mod.ts";
import { complain } from "./standard_streams.ts";

/** Shows a person, or the program that reads the log, how the Python environment is built. */
export function sayProgress(line: string, { logFormat }: Config): void {
  if (logFormat === "json") getLogger("python").info("{progress}", { progress: line });
  else complain(`${line}\n`);
}

/** Says what the server offers, with a command line to try if a person reads it. */
export function sayNextSteps(
  den: Snakeden,
  { config, keyFile, url }: {
    readonly config: Config;
    readonly keyFile: string | undefined;
    readonly url: string;
  },
): void {
  const tools = den.tools.list(OVER_HTTP);
  const all = den.pools.list();
  const down = all.filter(({ state }) => state !== "ready").map(({ name }) => name);
  const pools = all.length - down.length;
  if (config.logFormat === "json") {
    getLogger("server").info("serving {tools} tools in {pools} pools", {
      tools: tools.length,
      pools,
      url,
    });
  } else if (config.logLevel === "info" || config.logLevel === "debug") {
    const text = nextSteps({
      url,
      tools,
      pools,
      // Without `dev`, a pool is not waiting for its code: its starts are tried again.
      broken: config.dev ? down : [],
      needsKey: config.apiKey !== undefined,
      keyFile,
      isDemo: isDemo(config.pools),
    });
    // Not synchronously: nobody may be reading.
    Deno.stderr.write(new TextEncoder().encode(text)).catch(() => {});
  }
}

/** The ways to send a signal once more; another SIGHUP ends nothing. */
const AGAIN: Readonly<Record<string, string>> = {
  SIGINT: "press Ctrl-C again",
  SIGTERM: "send SIGTERM again",
};

/** Says that the server stops, and what it waits for. */
export function sayStopping({ runningCalls, drainMs }: CallsAtStop, signal = "SIGTERM"): void {
  const log = getLogger("server");
  if (runningCalls === 0) return log.info("stopping", { signal });
  const [verb, them] = runningCalls === 1 ? ["call is", "it"] : ["calls are", "them"];
  const again = AGAIN[signal] ?? "send SIGTERM";
  log.info(
    `stopping: {runningCalls} ${verb} running and may take up to {drainMs} ms (drainMs); ` +
      `${again} to end ${them} at once`,
    { runningCalls, drainMs, signal },
  );
}

/** Says what a second signal does. */
export function sayEndsAtOnce(signal: string): void {
  getLogger("server").warn(ENDS_AT_ONCE, { signal });
}
