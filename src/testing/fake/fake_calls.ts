import type { CallOptions } from "../../client/mod.ts";

/** The state of a call: it runs until it is done, fails, or is left by its caller. */
export type FakeCallState = "running" | "done" | "failed" | "cancelled";

/** A call that a fake den was asked for. Its fields are as of now. */
export interface FakeCall {
  /** The name of the tool, which may not exist. */
  readonly tool: string;
  /** The arguments as the tool got them; as they were given, if they cannot be sent. */
  readonly args: Readonly<Record<string, unknown>>;
  /** The options as they were given. */
  readonly options: CallOptions;
  /** The method that made the call; `job` for an attempt of a job, `map` for an item. */
  readonly via: "execute" | "call" | "stream" | "map" | "job";
  /** The state of the call. */
  readonly state: FakeCallState;
  /** The result, or what a generator returned, once the call is done. */
  readonly result?: unknown;
  /** The error, once the call has failed; the reason, once it is cancelled. */
  readonly error?: unknown;
  /** The chunks so far. */
  readonly chunks: readonly unknown[];
}

/** A {@link FakeCall} as its run changes it. */
export interface OpenFakeCall extends FakeCall {
  args: Readonly<Record<string, unknown>>;
  state: FakeCallState;
  result?: unknown;
  error?: unknown;
  readonly chunks: unknown[];
}
