import { MAX_DURATION_MS, oneOf, whole } from "../schema_parts.ts";

/** The keys by which the number of workers of a pool follows its work. */
export const elasticKeys = {
  min: whole(0, 256, {
    description: "Fewest workers; 0 lets the pool have none while nothing is to do. With `max`.",
    defaultText: "`size`",
  }).optional(),
  max: whole(1, 256, {
    description: "Most workers. With `min`, and instead of `size`.",
    defaultText: "`size`",
  }).optional(),
  spare: whole(0, 256, {
    description: "Idle workers that are kept ready beyond those that are busy, within `max`.",
  }).default(0),
  idleTtlMs: whole(1, 30 * MAX_DURATION_MS, {
    description: "Time after which an idle worker above `min` is ended.",
  }).default(900_000),
  scaleUpAfterMs: whole(0, MAX_DURATION_MS, {
    description: "Time that calls wait before one more worker is started, up to `max`. The first " +
      "worker of a pool that has none is started at once.",
    defaultText: "0, or the time that a start takes if the calls will probably be done before",
  }).optional(),
  whenBusy: oneOf(["wait", "fail"], {
    description: "What a call does if no worker is free and none may be started: `fail` refuses " +
      "it at once with `pool_saturated`. A call may say otherwise.",
  }).default("wait"),
} as const;
