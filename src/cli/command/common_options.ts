import { type Command, InvalidArgumentError, Option } from "commander";
import { parseDuration } from "../terminal/mod.ts";
import { CLIENT_ENV } from "../../environment_names.ts";
import type { ColorChoice } from "./output.ts";

/** The options of every command. */
export interface CommonOptions {
  readonly url?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly color: ColorChoice;
}

/** Adds the options of every command. */
export function withCommonOptions(command: Command): Command {
  return command
    .option("--url <url>", `the server; default ${CLIENT_ENV.url}, or http://127.0.0.1:8000`)
    .option("--json", "write JSON")
    .option("-q, --quiet", "write ids only")
    .addOption(
      new Option("--color <when>", "use colors").choices(["auto", "always", "never"])
        .default("auto"),
    );
}

/** Reads a duration, as milliseconds. */
export function durationMs(text: string): number {
  const ms = parseDuration(text);
  if (ms !== undefined) return ms;
  throw new InvalidArgumentError("Allowed: a duration such as 500ms, 2s, 5m or 1h30m.");
}

/** Returns the reader of a whole number. */
export function whole(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^[+-]?\d+$/.test(text) ? Number(text) : NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`Allowed: a whole number from ${min} to ${max}.`);
  };
}

/** Gathers the values of an option that may be given several times. */
export function collected(value: string, earlier: readonly string[] = []): string[] {
  return [...earlier, value];
}

/** Gathers values that may also be separated by commas. */
export function collectedList(value: string, earlier: readonly string[] = []): string[] {
  return [...earlier, ...value.split(",").filter((it) => it !== "")];
}
