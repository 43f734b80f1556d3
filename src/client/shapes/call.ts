/** Arguments of a tool by name. */
export type Args = Readonly<Record<string, unknown>>;

/** The way in which a call keeps to the worker of its session. */
export type AffinityMode = "hint" | "strict_queue" | "strict_fail_fast";

/** The form of arrays in results: lists of numbers, or their bytes. */
export type ArrayForm = "list" | "base64";

/** Options of one call. They are those of the library. */
export interface CallOptions {
  /**
   * The pool that runs the call. Default: the pool `default` if it has the tool, else the first
   * one that has it.
   */
  readonly pool?: string;
  /**
   * The deadline of the call, from now until its result: more than 0, at most a day. Default: that
   * of the tool, else the `timeoutMs` of the pool.
   */
  readonly timeoutMs?: number;
  /**
   * The time that the tool may show nothing, in milliseconds: no chunk, no progress, and no request
   * to the host. 0 for no limit. Default: that of the tool, else the `stallTimeoutMs` of the pool.
   */
  readonly stallTimeoutMs?: number;
  /** A whole number from -10 to 10; higher goes first. Default 0. */
  readonly priority?: number;
  /** The id of a session: 1 to 128 letters, digits or `.` `_` `:` `-`. */
  readonly sessionId?: string;
  /** The way in which the call keeps to the worker of its session. Default: that of the pool. */
  readonly affinity?: AffinityMode;
  /** True if the session starts again, bound to another worker, should its own be gone. */
  readonly rebind?: boolean;
  /**
   * `fail` refuses the call with `pool_saturated` if no worker is free and none may be started;
   * `wait` queues it. Default: that of the pool.
   */
  readonly whenBusy?: "wait" | "fail";
  /** An id for the tool and for the logs of both sides: up to 128 letters, digits, `_.:@+/=-`. */
  readonly requestId?: string;
  /**
   * True if running the call twice has the same effect as running it once. It then runs again if
   * its worker dies, and is sent again if its connection breaks. Default: that of the tool, for
   * the worker; false, for the connection.
   */
  readonly idempotent?: boolean;
  /** The form of arrays in the result and the chunks. Default: that of the tool, else `base64`. */
  readonly arrays?: ArrayForm;
  /** Called with each report of progress, decoded, also of a call that does not stream. */
  readonly onProgress?: (report: unknown) => void;
  /** A signal that takes the call out of the queue, or cancels its work. */
  readonly signal?: AbortSignal;
}

/** A value that stays encoded until somebody reads it. */
export interface EncodedValue {
  /** Returns the value, decoded. Each call returns a copy. */
  decode(): unknown;
}

/** The outcome of a call that was answered with a result. */
export interface CallOutcome {
  /** The result of the tool, encoded. */
  readonly value: EncodedValue;
  /** The id of the call, as the log of the host has it. */
  readonly callId: string;
  /** The id of the worker that ran the call. */
  readonly workerId: string;
  /** The time from the request to the result, in the host. */
  readonly durationMs: number;
  /** The part of `durationMs` in which the call waited for a worker. */
  readonly queueMs: number;
}

/** An event of a stream. Chunks and progress come in any number, then `done` comes once. */
export type StreamEvent =
  | { readonly type: "chunk"; readonly value: EncodedValue }
  | { readonly type: "progress"; readonly value: EncodedValue }
  | ({ readonly type: "done" } & CallOutcome);

/** A tool as callers see it. */
export interface ToolInfo {
  /** The name by which calls name the tool. */
  readonly name: string;
  /** `worker` for a tool in Python, `host` for one in TypeScript that runs in the host. */
  readonly runsIn: "host" | "worker";
  /** The name of the pool that serves the tool; absent if it runs in the host. */
  readonly pool?: string;
  /** The session whose calls alone may see the tool, if it was registered for one. */
  readonly sessionId?: string;
  /** The description that the tool gives of itself. */
  readonly description: string;
  /** JSON Schema (2020-12) of the arguments, an object schema. */
  readonly inputSchema: Readonly<Record<string, unknown>>;
  /** JSON Schema of the result, or of a chunk of a streaming tool, if the tool declares it. */
  readonly outputSchema?: Readonly<Record<string, unknown>>;
  /** True for a tool that sends chunks before its result. */
  readonly streams: boolean;
  /** True if a call runs again after its worker died. */
  readonly idempotent: boolean;
  /** The default deadline of a call, if the tool declares one; else the pool's default applies. */
  readonly timeoutMs?: number;
  /** The time that a call may show nothing, if the tool declares one. */
  readonly stallTimeoutMs?: number;
  /** The media type of the bytes that the tool returns, if it declares one. */
  readonly mediaType?: string;
  /** The id of the worker that has registered the tool; absent for a tool of an adapter. */
  readonly workerId?: string;
  /** True for a host tool that may be called over HTTP; absent if it runs in a worker. */
  readonly exposeHttp?: boolean;
  /** The pools whose tools may call a host tool; absent if it runs in a worker. */
  readonly expose?: "all" | readonly string[];
  /** Facts about a host tool for those who choose one; absent if there are none. */
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** The caller whose tools are listed. */
export interface ToolsOptions {
  /** The session whose own tools are listed, too. Default: none. */
  readonly sessionId?: string | undefined;
}
