import type { Value } from "./values/mod.ts";

/** A call to send. The link assigns its id. */
export interface OutgoingCall {
  readonly tool: string;
  readonly args: Value;
  /** The time left until the deadline. */
  readonly timeoutMs: number;
  readonly stream: boolean;
  readonly windowBytes: number;
  readonly sessionId: string;
  readonly requestId: string;
  /** Its number in the pool, which its id ends with. */
  readonly number?: number;
  /** The form of arrays that are sent back, as a number of link.proto. */
  readonly arrays?: number;
}
