import type { OutgoingCall as CallMessage } from "./carriers/mod.ts";
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
  /** True if the output of the call is kept. Default false. */
  readonly keepsOutput?: boolean;
  /** Set for a bulk call, whose arguments are a list of items. `timeoutMs` is that of an item. */
  readonly bulk?: OutgoingBulk | undefined;
}

/** The form of the items of a bulk call; see `ItemList`. */
export interface OutgoingBulk {
  readonly length: number;
  readonly taggedItems: readonly number[];
  readonly itemBuffers: readonly number[];
}

/** Returns the message of a call with its id on the link, and with `args` as they are sent. */
export function callMessage(
  call: OutgoingCall,
  id: number,
  args: CallMessage["args"],
): CallMessage {
  const { bulk } = call;
  const message = {
    id,
    tool: call.tool,
    args,
    timeoutMs: call.timeoutMs,
    stream: call.stream,
    windowBytes: call.windowBytes,
    sessionId: call.sessionId,
    requestId: call.requestId,
    number: call.number ?? 0,
    arrays: call.arrays ?? 0,
    keepsOutput: call.keepsOutput ?? false,
  };
  if (bulk === undefined) return message;
  const { taggedItems, itemBuffers } = bulk;
  return { ...message, bulk: true, taggedItems: [...taggedItems], itemBuffers: [...itemBuffers] };
}
