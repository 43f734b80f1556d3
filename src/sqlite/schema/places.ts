import type { JobState } from "../../store/mod.ts";

/**
 * The place of a job: its state, with `available` divided in two. A `ready` job is in the index
 * that claims read. A held one waits outside of it until its concurrency key or its rate key lets
 * it through, so that no claim ever passes over it.
 */
export const PLACE = {
  ready: 0,
  heldByConcurrency: 1,
  heldByRate: 2,
  scheduled: 3,
  running: 4,
  retryable: 5,
  completed: 6,
  cancelled: 7,
  discarded: 8,
} as const;

/** The states of the places, by number. */
const STATES = [
  "available",
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
  return state === "available" ? AVAILABLE : [placeOf(state)];
}

const AVAILABLE = [PLACE.ready, PLACE.heldByConcurrency, PLACE.heldByRate];

/** Returns the place of jobs that a key of this kind holds. */
export function heldBy(kind: "concurrency" | "rate"): number {
  return kind === "concurrency" ? PLACE.heldByConcurrency : PLACE.heldByRate;
}

/** Returns true for a place of jobs that a key holds. */
export function isHeldBack(place: number): boolean {
  return place === PLACE.heldByConcurrency || place === PLACE.heldByRate;
}

/** Returns true for a place of jobs that have ended. */
export function isEnd(place: number): boolean {
  return place >= PLACE.completed;
}
