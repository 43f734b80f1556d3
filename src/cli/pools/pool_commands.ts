import { type Command, InvalidArgumentError } from "commander";
import { type Act, whole, withCommonOptions } from "../command/mod.ts";
import { pausePools, reloadHost, type ResizeFlags, resizePool } from "./change.ts";
import { listPools } from "./pool_rows.ts";
import { showPools } from "./show.ts";
import {
  cleanPool,
  type EndFlags,
  endWorkers,
  listWorkers,
  recyclePool,
  startAhead,
} from "./workers.ts";

/** The most workers of a pool. */
const MAX_WORKERS = 256;
/** The count that stands for as many workers as there may be. */
const ALL = -1;

/** Adds `pool` with its commands. */
export function addPoolCommands(program: Command, act: Act): void {
  const pool = program.command("pool").description("Work with the pools of a server");
  withCommonOptions(pool.command("list"))
    .alias("ls")
    .description("List the pools, in the order of the configuration")
    .action(act((context) => listPools(context)));
  withCommonOptions(pool.command("show <name...>"))
    .description("Show everything about pools")
    .action(act((context, names: string[]) => showPools(names, context)));
  addResize(pool, act);
  for (const verb of ["pause", "resume"] as const) {
    withCommonOptions(pool.command(`${verb} <name...>`))
      .description(
        verb === "pause"
          ? "Send no more calls to the workers of pools; those that run go on"
          : "End a pause of pools; the calls that wait are sent",
      )
      .action(act((context, names: string[]) => pausePools(verb, names, context)));
  }
  withCommonOptions(pool.command("workers [name...]"))
    .description("List the workers of all pools, or of some")
    .action(act((context, names: string[]) => listWorkers(names, context)));
  withCommonOptions(pool.command("start-ahead <name>"))
    .description("Start workers before calls need them, and wait until each was tried")
    .argument("[count]", "number of workers, or all for as many as there may be", countOf, 1)
    .action(
      act((context, name: string, count: number) => startAhead(name, { count, context })),
    );
  withCommonOptions(pool.command("clean <name>"))
    .description("End the idle workers beyond min and spare now")
    .action(act((context, name: string) => cleanPool(name, context)));
  withCommonOptions(pool.command("recycle <name>"))
    .description("Replace all workers, which finish their calls first")
    .action(act((context, name: string) => recyclePool(name, context)));
  withCommonOptions(pool.command("end <worker...>"))
    .description("End workers once they have finished their calls, and wait for that")
    .option("--hard", "kill them; their calls fail")
    .action(
      act((context, ids: string[], flags: EndFlags) => endWorkers(ids, { flags, context })),
    );
  withCommonOptions(pool.command("reload"))
    .description("Read the configuration of the server anew, and apply the difference")
    .action(act((context) => reloadHost(context)));
}

function addResize(pool: Command, act: Act): void {
  withCommonOptions(pool.command("resize <name>"))
    .description("Change how many workers a pool keeps, until the configuration is read again")
    .option("--size <number>", "number of workers: --min and --max at once", whole(1, MAX_WORKERS))
    .option("--min <number>", "fewest workers", whole(0, MAX_WORKERS))
    .option("--max <number>", "most workers", whole(1, MAX_WORKERS))
    .option("--spare <number>", "idle workers that are kept ready", whole(0, MAX_WORKERS))
    .action(
      act((context, name: string, flags: ResizeFlags) => resizePool(name, { flags, context })),
    );
}

/** Reads a number of workers, or `all`; -1 is `all` over HTTP. */
function countOf(text: string): number {
  if (text === "all" || text === String(ALL)) return ALL;
  const count = /^\d+$/.test(text) ? Number(text) : NaN;
  if (count >= 1 && count <= MAX_WORKERS) return count;
  throw new InvalidArgumentError(`Allowed: a whole number from 1 to ${MAX_WORKERS}, or all.`);
}
