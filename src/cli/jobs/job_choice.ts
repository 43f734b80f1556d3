import type { Command } from "commander";
import type { JobChoice, JobState } from "../../client/mod.ts";
import { type CliIo, collected, collectedList, UsageError } from "../command/mod.ts";
import { parseDuration } from "../terminal/mod.ts";

/** The options that choose jobs. */
export interface ChoiceFlags {
  readonly state?: readonly string[];
  readonly queue?: readonly string[];
  readonly tool?: readonly string[];
  readonly kind?: readonly string[];
  readonly tag?: readonly string[];
  readonly search?: string;
  readonly since?: string;
  readonly before?: string;
}

/** Adds the options that choose jobs. */
export function withChoice(command: Command): Command {
  return command
    .option("--state <states>", "in one of these states, such as running,retryable", collectedList)
    .option("--queue <names>", "in one of these queues", collectedList)
    .option("--tool <names>", "of one of these tools", collectedList)
    .option("--kind <kinds>", "of one of these kinds", collectedList)
    .option("--tag <tag>", "with this tag; can be repeated", collected)
    .option("--search <text>", "with these words in the id, a tag, the tool or the error")
    .option("--since <time>", "submitted since: 2h ago, or a time in ISO 8601")
    .option("--before <time>", "submitted before: 2h ago, or a time in ISO 8601");
}

/**
 * Returns the choice that options name; undefined if they name none.
 *
 * @throws {UsageError} For a time that is none.
 */
export function choiceOf(flags: ChoiceFlags, io: CliIo): JobChoice | undefined {
  const { since, before } = flags;
  const fields = {
    state: flags.state as readonly JobState[] | undefined,
    queue: flags.queue,
    tool: flags.tool,
    kind: flags.kind,
    tag: flags.tag,
    q: flags.search,
    createdFrom: since === undefined ? undefined : timeOf("--since", since, io.now()),
    createdBefore: before === undefined ? undefined : timeOf("--before", before, io.now()),
  };
  const named = Object.entries(fields).filter(([, value]) => value !== undefined);
  return named.length === 0 ? undefined : Object.fromEntries(named);
}

function timeOf(option: string, text: string, now: number): Date {
  const ago = parseDuration(text.replace(/\s*ago$/, ""));
  const time = ago === undefined ? Date.parse(text) : now - ago;
  if (Number.isFinite(time)) return new Date(time);
  throw new UsageError(
    `${option}: given ${JSON.stringify(text)}; allowed: a duration such as 2h, or a time such as ` +
      "2030-01-31T08:00:00Z",
  );
}
