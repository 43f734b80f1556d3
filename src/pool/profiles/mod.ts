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
import { PROCESS } from "./process.ts";
import type { Profile } from "./profile.ts";

export type { CallWindow, InFlightAtExit, Profile, ProgressNote, Sent } from "./profile.ts";

/** All profiles, by their name in the configuration of a pool. */
export const PROFILES = { process: PROCESS } as const satisfies Readonly<Record<string, Profile>>;

/** Name of a profile. */
export type ProfileName = keyof typeof PROFILES;
