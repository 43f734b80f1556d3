import type { JobState } from "../../store/mod.ts";

/**
 * The place of a job: its state, with `available` divided in two. A `ready` job is in the index
 * that claims read. A `held` one waits outside of it until a limit of its keys lets it through, so
 * that no claim ever passes over it.
 */
export const PLACE = {
  ready: 0,
  held: 1,
  scheduled: 2,
  running: 3,
  retryable: 4,
  completed: 5,
  cancelled: 6,
  discarded: 7,
} as const;

/** The states of the places, by number. */
const STATES = [
  "available",
  "available",
  "scheduled",
  "running",
  "retryable",
  "completed",
  "cancelled",
  "discarded",
] as const satisfies JobState[];

/** Returns the state of a place. */
export function stateOf(place: number): JobState {
  const state = STATES[place];
  if (state === undefined) throw new Error(`no state has the place ${place}`);
  return state;
}

/** Returns the place of a state; of an available job, the one of a ready job. */
export function placeOf(state: JobState): number {
  return STATES.indexOf(state);
}

/** Returns the places of jobs in a state. */
export function placesOf(state: JobState): number[] {
  return state === "available" ? [PLACE.ready, PLACE.held] : [placeOf(state)];
}

/** Returns true for a place of jobs that have ended. */
export function isEnd(place: number): boolean {
  return place >= PLACE.completed;
}
