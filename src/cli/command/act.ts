import type { Context } from "./context.ts";
import type { ExitStatus } from "./exit_status.ts";

/** Makes the action of a command out of work that returns an exit status. */
export type Act = <Args extends unknown[]>(
  work: (context: Context, ...args: Args) => Promise<ExitStatus>,
) => (...args: Args) => Promise<void>;
