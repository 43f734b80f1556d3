import type { NamedLogging } from "../config/mod.ts";
import { configureLoggingFor, type LogHandle, WATCHED } from "../log.ts";

/**
 * Makes a script heard: by default as {@link WATCHED} says. A level that somebody has named is for
 * all entries. Leaves a log alone that the program has configured.
 */
export function openScriptLog({ level, format = "plain" }: NamedLogging): LogHandle | undefined {
  return level === undefined
    ? configureLoggingFor("script", { ...WATCHED, format }, { named: false })
    : configureLoggingFor("script", { level, format }, { named: true });
}
