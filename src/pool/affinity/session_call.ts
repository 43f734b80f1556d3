import type { AffinityMode, Call, CallSession } from "../calls/mod.ts";
import type { Binding } from "./binding.ts";

/** The part of a call that belongs to its session. */
export class SessionCall implements CallSession {
  /** The binding that the call keeps to. It changes only if the call may rebind its session. */
  binding: Binding;
  readonly isStrict: boolean;
  /** True if the call is refused rather than queued. */
  readonly failsFast: boolean;
  /** True if the session may be bound to another worker when its own is gone. */
  readonly mayRebind: boolean;

  constructor(binding: Binding, mode: AffinityMode, mayRebind: boolean) {
    this.binding = binding;
    this.isStrict = mode !== "hint";
    this.failsFast = mode === "strict_fail_fast";
    this.mayRebind = mayRebind;
  }

  get workerText(): string {
    return this.binding.workerText;
  }

  /** Returns the part of a call that belongs to its session, if it has one. */
  static of(call: Call): SessionCall | undefined {
    const { session } = call;
    // Most calls have none, and need no look at a class.
    return session !== undefined && session instanceof SessionCall ? session : undefined;
  }
}
