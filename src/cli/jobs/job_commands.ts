import { type Command, InvalidArgumentError, Option } from "commander";
import {
  type Act,
  collected,
  collectedList,
  durationMs,
  whole,
  withCommonOptions,
} from "../command/mod.ts";
import { type ChangeFlags, changeJobs } from "./change.ts";
import { type ChoiceFlags, choiceOf, withChoice } from "./job_choice.ts";
import { type ListFlags, listJobs } from "./list.ts";
import { LOG_SOURCES, type LogFlags, writeLog } from "./logs.ts";
import { showJobs } from "./show.ts";
import { type SubmitFlags, submitJob } from "./submit.ts";
import { type WaitFlags, waitForJobs } from "./wait.ts";

type ListOptions = ChoiceFlags & Pick<ListFlags, "limit" | "all"> & {
  readonly watch?: number | true;
};

/** The usual number of jobs of a list. */
const LISTED = 50;
const WATCH_MS = 2_000;

/** Adds `job` with its commands. */
export function addJobCommands(program: Command, act: Act): void {
  const job = program.command("job").description("Work with the durable jobs of a server");
  addSubmit(job, act);
  addList(job, act);
  withCommonOptions(job.command("show <id...>"))
    .description("Show everything about jobs")
    .action(act((context, ids: string[]) => showJobs(ids, context)));
  withCommonOptions(job.command("logs <id>"))
    .description("Show what a job has printed and logged")
    .option("-f, --follow", "wait for more lines, until the job ends")
    .option("-n, --tail <number>", "begin with the last lines", whole(0, 1_000_000_000))
    .option(
      "--source <name>",
      `only lines of ${LOG_SOURCES.join(", ")}; can be repeated`,
      collectedList,
    )
    .action(act((context, id: string, flags: LogFlags) => writeLog(id, { flags, context })));
  withCommonOptions(job.command("wait <id...>"))
    .description("Wait for the ends of jobs, and write their results")
    .option("--timeout <duration>", "longest time to wait, such as 30s", durationMs)
    .option("--logs", "write the lines of their logs while they come")
    .option("-o, --output <file>", "file for the results")
    .action(
      act((context, ids: string[], flags: WaitFlags) => waitForJobs(ids, { flags, context })),
    );
  for (const verb of ["cancel", "retry"] as const) addChange(job, verb, act);
}

function addSubmit(job: Command, act: Act): void {
  withCommonOptions(job.command("submit [tool] [args...]"))
    .description(
      "Submit a job. Arguments are NAME=VALUE, a JSON object, @FILE, or - for stdin; those of a " +
        "script are texts, after -- if they begin with -",
    )
    .option("--wait", "wait for the end, and write the result")
    .option("--follow", "like --wait, and write chunks and the log as they come")
    .option("--wait-timeout <duration>", "longest time to wait", durationMs)
    .option("-o, --output <file>", "file for the result")
    .option("--batch <file>", "upload a file, and run the tool for each of its items; - for stdin")
    .addOption(
      new Option("--format <format>", "format of the file; default by its extension")
        .choices(["csv", "ndjson", "lines"]),
    )
    .option("--input <parameter>", "parameter that gets an item; default: an item has all of them")
    .option("--window <number>", "most parts of the batch that run at once", whole(1, 10_000))
    .option("--item-attempts <number>", "attempts of an item", whole(1, 1_000))
    .option("--script <file>", "run a script of the server instead of a tool")
    .option("--command <name>", "run a command of the server instead of a tool")
    .option("--env <name=value>", "variable of the script or command; can be repeated", collected)
    .option("--stdin <file>", "standard input of the script or command; - for stdin")
    .option("--allow <kind>", "permission such as net=HOST of a script; can be repeated", collected)
    .option("--id <id>", "id of the job; the same command again makes no second job")
    .option("--queue <name>", "queue; default `default`")
    .option("--pool <name>", "pool; default the one that has the tool")
    .option("--session <id>", "session of the call")
    .option("--priority <number>", "higher goes first", whole(-10, 10))
    .option("--delay <duration>", "time to wait before the first start", durationMs)
    .option("--run-at <time>", "time of the first start, in ISO 8601")
    .option("--ttl <duration>", "longest time until it starts; then it is discarded", durationMs)
    .option("--max-attempts <number>", "attempts, including the first", whole(1, 1_000))
    .option("--timeout <duration>", "longest time of an attempt", durationMs)
    .option("--stall-timeout <duration>", "longest silence of an attempt", durationMs)
    .option("--idempotency-key <key>", "the same command again makes no second job")
    .option("--unique <key>", "at most one unfinished job with this key")
    .addOption(
      new Option("--unique-mode <mode>", "action while another job has the key")
        .choices(["drop", "replace", "debounce"]),
    )
    .option("--concurrency <key:limit>", "most jobs with this key that run at once", concurrencyOf)
    .option("--tag <tag>", "tag; can be repeated", collected)
    .option("--meta <name=value>", "metadata; can be repeated", collected)
    .option("--options <json>", "other fields of the job: a JSON object, or @FILE")
    .action(
      act((context, tool: string | undefined, args: string[], flags: SubmitFlags) =>
        submitJob(tool === undefined ? args : [tool, ...args], { flags, context })
      ),
    );
}

function addList(job: Command, act: Act): void {
  withChoice(withCommonOptions(job.command("list")))
    .alias("ls")
    .description("List jobs, the last submitted first")
    .option("-n, --limit <number>", "most jobs to list", whole(1, 1_000_000_000), LISTED)
    .option("--all", "list all matching jobs")
    .option("--watch [duration]", "refresh until Ctrl-C; every 2s unless given", durationMs)
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
      verb === "cancel" ? "Cancel jobs, by id or by filter" : "Run jobs again, by id or by filter",
    )
    .option("-y, --yes", "do not ask for confirmation");
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
