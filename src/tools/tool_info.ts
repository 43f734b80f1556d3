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
  /** The text of `@tool(description=...)`, else the first paragraph of the docstring. */
  readonly description: string;
  /** JSON Schema (2020-12) of the arguments, an object schema. */
  readonly inputSchema: Readonly<Record<string, unknown>>;
  /** JSON Schema of the result, or of a chunk of a streaming tool, if the type hints declare it. */
  readonly outputSchema?: Readonly<Record<string, unknown>>;
  /** True for a generator, which sends chunks before its result. */
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
