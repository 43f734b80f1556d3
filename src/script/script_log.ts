import type { NamedLogging } from "../config/mod.ts";
import { configureLoggingFor, type LogHandle } from "../log.ts";

/**
 * Makes a script heard: by default it shows what its tools print, the build of the Python
 * environment, and every warning of the host. A level that somebody has named is for all entries.
 * Leaves a log alone that the program has configured.
 */
export function openScriptLog({ level, format = "plain" }: NamedLogging): LogHandle | undefined {
  return level === undefined
    ? configureLoggingFor("script", { ...DEFAULTS, format }, { named: false })
    : configureLoggingFor("script", { level, format }, { named: true });
}

const DEFAULTS = { level: "warning", levels: { worker: "info", python: "info" } } as const;
