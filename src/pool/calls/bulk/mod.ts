/**
 * Bulk calls, which run a tool for many items in one call of the link. An {@link OutcomeReader}
 * receives what came of the items, in order, while others run.
 *
 * @module
 */
export type { ItemOutcome } from "./item_outcome.ts";
export { type OnOutcomes, OutcomeReader } from "./outcome_reader.ts";
