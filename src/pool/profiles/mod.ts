/**
 * The profiles: ways in which workers run their calls. A {@link Profile} opens a {@link CallWindow}
 * for each worker. The window knows which of the calls sent have begun, how many may run, how one
 * is stopped, and which ones a crash may have hit.
 *
 * A new profile is a file here and an entry in {@link PROFILES}, and must pass
 * tests/profiles/conformance.ts. Its twin is in `snakeden._worker.profiles`.
 *
 * @module
 */
import { concurrent } from "./concurrent.ts";
import { PROCESS } from "./process.ts";
import type { Profile } from "./profile.ts";

export type { CallWindow, InFlightAtExit, Profile, ProgressNote, Sent } from "./profile.ts";

/** The settings of a pool that a profile depends on. */
export interface ProfileSettings {
  /** The calls that a worker of the profile `thread` runs at a time. */
  readonly threadsPerWorker?: number | undefined;
  /** The calls that a worker of the profile `async` runs at a time. */
  readonly concurrencyPerWorker?: number | undefined;
}

/** The calls that a worker of the profile `thread` runs at a time, unless its pool says. */
const DEFAULT_THREADS = 10;
/** The calls that a worker of the profile `async` runs at a time, unless its pool says. */
const DEFAULT_CONCURRENCY = 100;

/** The functions that return the profile of a pool, by its name in the configuration. */
export const PROFILES = {
  process: (_settings: ProfileSettings): Profile => PROCESS,
  thread: ({ threadsPerWorker = DEFAULT_THREADS }: ProfileSettings): Profile =>
    concurrent(threadsPerWorker),
  async: ({ concurrencyPerWorker = DEFAULT_CONCURRENCY }: ProfileSettings): Profile =>
    concurrent(concurrencyPerWorker),
} as const satisfies Readonly<Record<string, (settings: ProfileSettings) => Profile>>;

/** Name of a profile. */
export type ProfileName = keyof typeof PROFILES;

/** Returns the profile of a pool. */
export function profileOf(
  { profile, ...settings }: ProfileSettings & { readonly profile: ProfileName },
): Profile {
  return PROFILES[profile](settings);
}
