import type { Crash } from "../crashes/mod.ts";
import type { Breach } from "./worker_limits.ts";

/** Why a worker ended, where its exit does not say. The first cause counts: what follows is its effect. */
export interface EndCause {
  readonly crash: Crash;
  /** True when the host ended the worker for no fault of its own. */
  readonly isWanted: boolean;
  /** The limit that the worker exceeded. */
  readonly breach?: Breach | undefined;
}

/** The host killed the worker, or ended it after a drain, for a `reason` that is not the worker's fault. */
export function wanted(reason: string): EndCause {
  return { crash: { kind: "killed_by_host", reason }, isWanted: true };
}

/** The host killed the worker for what it did. */
export function ownFault(reason: string, breach?: Breach): EndCause {
  const kind = breach?.code === "out_of_memory" ? "out_of_memory" : "killed_by_host";
  return { crash: { kind, reason }, isWanted: false, breach };
}

/** The link as it was when the worker ended. */
export interface EndedLink {
  readonly breach: string | undefined;
  readonly closedReason: string | undefined;
}

/** The link ended before the process did. */
export function linkEnded({ breach, closedReason }: EndedLink): EndCause {
  const crash: Crash = breach === undefined
    ? { kind: "link_lost", reason: `lost its link (${closedReason}) and was killed` }
    : {
      kind: "protocol_error",
      reason: `broke the protocol of its link (${breach}) and was killed`,
    };
  return { crash, isWanted: false };
}
