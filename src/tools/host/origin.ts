import type { HeldWorker, StallWatch } from "../../pool/mod.ts";
import type { Visible } from "./host_tools.ts";

/**
 * The key of an option that only Snakeden itself sets: the origin of a call. It is a symbol, so
 * callers cannot name it, and copies of the options keep it.
 */
export const ORIGIN: unique symbol = Symbol("snakeden.origin");

/** The name of the host among workers, in outcomes and errors of calls. */
export const HOST_WORKER_ID = "host";

/** The place that a call comes from, other than a program outside. */
export interface CallOrigin {
  /** True for a client of HTTP, who sees only tools with `exposeHttp`. */
  readonly overHttp: boolean;
  /** The number of calls around the call. */
  readonly depth: number;
  /** The workers that run those of them that are tools in Python. */
  readonly ancestors: readonly HeldWorker[];
  /** The deadline of the call around it, by `performance.now()`. */
  readonly deadlineAt: number;
  /** The watch over the silence of the host tool that makes the call, if it has a limit. */
  readonly watch?: StallWatch | undefined;
}

/** Options of a call, perhaps with its origin. */
export interface Originated {
  readonly [ORIGIN]?: CallOrigin;
}

/** The option of calls by clients of HTTP. */
export const OVER_HTTP: Originated = {
  [ORIGIN]: { overHttp: true, depth: 0, ancestors: [], deadlineAt: Infinity },
};

/** Returns the host tools that the caller of a call may see. */
export function visibleTo(origin: CallOrigin | undefined): Visible {
  return origin?.overHttp ? ({ exposeHttp }) => exposeHttp : () => true;
}
