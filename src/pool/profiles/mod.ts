/**
 * How workers run their calls. A {@link Profile} opens a {@link CallWindow} for each worker, which knows which of the
 * calls sent have begun, how many may run, how one is stopped, and what a crash takes along.
 *
 * A new profile is a file here, an entry in {@link PROFILES}, and passes tests/profiles/conformance.ts; its twin
 * stands in `snakeden._worker.profiles`.
 *
 * @module
 */
import { PROCESS } from "./process.ts";
import type { Profile } from "./profile.ts";

export type {
  CallWindow,
  InFlightAtExit,
  Profile,
  ProgressNote,
  Sent,
  WindowDeps,
  WindowExit,
} from "./profile.ts";

/** All profiles, by their name in the configuration of a pool. */
export const PROFILES = { process: PROCESS } as const satisfies Readonly<Record<string, Profile>>;

/** Name of a profile. */
export type ProfileName = keyof typeof PROFILES;
