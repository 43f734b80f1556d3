import type { Crash } from "../crashes/mod.ts";
import type { Breach } from "./worker_limits.ts";

/**
 * The reason for a worker's end, if its exit does not show it. The first cause counts; later ones
 * are its effects.
 */
export interface EndCause {
  readonly crash: Crash;
  /** True if the host ended the worker through no fault of its own. */
  readonly isWanted: boolean;
  /** The limit that the worker exceeded. */
  readonly breach?: Breach | undefined;
}

/**
 * Returns the cause of an end that the host wanted: a kill, or a drain that took too long, that is
 * not the worker's fault.
 */
export function wanted(reason: string): EndCause {
  return { crash: { kind: "killed_by_host", reason }, isWanted: true };
}

/** Returns the cause of an end for which the worker itself is to blame, and the host killed it. */
export function ownFault(reason: string, breach?: Breach): EndCause {
  const kind = breach?.code === "out_of_memory" ? "out_of_memory" : "killed_by_host";
  return { crash: { kind, reason }, isWanted: false, breach };
}

/** The state of the link when the worker ended. */
export interface EndedLink {
  readonly breach: string | undefined;
  readonly closedReason: string | undefined;
}

/** Returns the cause of an end where the link ended before the process did. */
export function linkEnded({ breach, closedReason }: EndedLink): EndCause {
  const crash: Crash = breach === undefined
    ? { kind: "link_lost", reason: `lost its link (${closedReason}) and was killed` }
    : {
      kind: "protocol_error",
      reason: `broke the protocol of its link (${breach}) and was killed`,
    };
  return { crash, isWanted: false };
}

/** The reason for which a live worker is replaced. */
export interface ReplaceCause {
  readonly code:
    | "max_age"
    | "max_calls"
    | "max_memory"
    | "recycled"
    | "stopped"
    | "scaled_down"
    | "code_changed"
    | "call_stuck"
    | "reaper_lost";
  /** A clause that says why. */
  readonly text: string;
}

/** The reasons that a caller gives. */
export const REPLACE_CAUSES = {
  recycled: { code: "recycled", text: "the pool is recycled" },
  stopped: { code: "stopped", text: "it was asked to stop" },
} as const satisfies Readonly<Record<string, ReplaceCause>>;

/** Returns the reason of an end without a successor, since the pool needs fewer workers. */
export function scaledDown(text: string): ReplaceCause {
  return { code: "scaled_down", text };
}

/** Returns the reason to replace a worker whose process has lost its reaper. */
export function reaperLost(text: string): ReplaceCause {
  return { code: "reaper_lost", text };
}
