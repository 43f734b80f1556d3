/**
 * Gives the workers of pools their devices.
 *
 * @module
 */
export type { Place } from "./place.ts";
