import { type Command, InvalidArgumentError, Option } from "commander";
import {
  collected,
  type Context,
  durationMs,
  type ExitStatus,
  whole,
  withCommonOptions,
} from "../command/mod.ts";
import { type ChangeFlags, changeJobs } from "./change.ts";
import { type ChoiceFlags, choiceOf, withChoice } from "./job_choice.ts";
import { type ListFlags, listJobs } from "./list.ts";
import { showJobs } from "./show.ts";
import { type SubmitFlags, submitJob } from "./submit.ts";
import { type WaitFlags, waitForJobs } from "./wait.ts";

/** Makes the action of a command out of work that returns an exit status. */
export type Act = <Args extends unknown[]>(
  work: (context: Context, ...args: Args) => Promise<ExitStatus>,
) => (...args: Args) => Promise<void>;

type ListOptions = ChoiceFlags & Pick<ListFlags, "limit" | "all"> & {
  readonly watch?: number | true;
};

/** The usual number of jobs of a list. */
const LISTED = 50;
const WATCH_MS = 2_000;

/** Adds `job` with its commands. */
export function addJobCommands(program: Command, act: Act): void {
  const job = program.command("job").alias("jobs").description("Durable jobs");
  addSubmit(job, act);
  addList(job, act);
  withCommonOptions(job.command("show <id...>"))
    .description("Show all that is known of jobs")
    .action(act((context, ids: string[]) => showJobs(ids, context)));
  withCommonOptions(job.command("wait <id...>"))
    .description("Wait for the ends of jobs, and write their results")
    .option("--timeout <duration>", "longest time to wait, such as 30s", durationMs)
    .action(
      act((context, ids: string[], flags: WaitFlags) => waitForJobs(ids, { flags, context })),
    );
  for (const verb of ["cancel", "retry"] as const) addChange(job, verb, act);
}

function addSubmit(job: Command, act: Act): void {
  withCommonOptions(job.command("submit <tool> [args...]"))
    .description("Submit a job. Arguments are NAME=VALUE, an object of JSON, @FILE or - for stdin")
    .option("--wait", "wait for the end, and write the result")
    .option("--follow", "do the same, and write chunks while they come")
    .option("--wait-timeout <duration>", "longest time to wait", durationMs)
    .option("--id <id>", "id of the job; the same submission makes one job")
    .option("--queue <name>", "queue; default `default`")
    .option("--pool <name>", "pool; default the one that has the tool")
    .option("--session <id>", "session of the call")
    .option("--priority <number>", "higher goes first", whole(-10, 10))
    .option("--delay <duration>", "time to wait before the first start", durationMs)
    .option("--run-at <time>", "time of the first start, in ISO 8601")
    .option("--ttl <duration>", "time within which it must begin", durationMs)
    .option("--max-attempts <number>", "attempts, the first one included", whole(1, 1_000))
    .option("--timeout <duration>", "longest time of an attempt", durationMs)
    .option("--stall-timeout <duration>", "longest silence of an attempt", durationMs)
    .option("--idempotency-key <key>", "the same submission makes one job")
    .option("--unique <key>", "one job of this key")
    .addOption(
      new Option("--unique-mode <mode>", "what becomes of a new job while there is another one")
        .choices(["drop", "replace", "debounce"]),
    )
    .option("--concurrency <key:limit>", "jobs of a key that run at once", concurrencyOf)
    .option("--tag <tag>", "tag; may be given several times", collected)
    .option("--meta <name=value>", "metadata; may be given several times", collected)
    .option("--options <json>", "further fields of the job: an object of JSON, or @FILE")
    .action(
      act((context, tool: string, args: string[], flags: SubmitFlags) =>
        submitJob(tool, args, { flags, context })
      ),
    );
}

function addList(job: Command, act: Act): void {
  withChoice(withCommonOptions(job.command("list")))
    .alias("ls")
    .description("List jobs, the last submitted first")
    .option("-n, --limit <number>", "most jobs", whole(1, 1_000_000_000), LISTED)
    .option("--all", "list all of them")
    .option("--watch [duration]", "show them again and again; default each 2s", durationMs)
    .action(act((context, flags: ListOptions) => {
      const { watch, limit, all } = flags;
      const choice = choiceOf(flags, context.io) ?? {};
      const watchMs = watch === true ? WATCH_MS : watch;
      return listJobs(choice, { flags: { limit, all, watchMs }, context });
    }));
}

function addChange(job: Command, verb: "cancel" | "retry", act: Act): void {
  const command = withChoice(withCommonOptions(job.command(`${verb} [id...]`)))
    .description(
      verb === "cancel"
        ? "Cancel jobs, by id or by a choice"
        : "Run jobs again, by id or by a choice",
    )
    .option("-y, --yes", "do not ask before the jobs of a choice are changed");
  if (verb === "cancel") command.option("--reason <text>", "reason, for people");
  command.action(
    act((context, ids: string[], flags: ChangeFlags & ChoiceFlags) =>
      changeJobs(verb, { ids, choice: choiceOf(flags, context.io) }, { flags, context })
    ),
  );
}

/** Reads `KEY` or `KEY:LIMIT`. */
function concurrencyOf(text: string): { readonly key: string; readonly limit?: number } {
  const [, key = "", limit] = /^([^]+?)(?::(\d+))?$/.exec(text) ?? [];
  if (key === "") throw new InvalidArgumentError("Allowed: KEY or KEY:LIMIT.");
  return limit === undefined ? { key } : { key, limit: Number(limit) };
}
