import { type AnyHostTool } from "../../config/mod.ts";
import { InvalidInputError } from "../../errors.ts";
import { getLogger } from "../../log.ts";
import { suggestion } from "../../near_names.ts";
import { isSessionId, SESSION_ID_RULE } from "../../session_id.ts";
import { HostTool } from "./host_tool.ts";
import { invalidTool, toolExists } from "./invalid_tool.ts";

/** Options of a registration. */
export interface RegisterOptions {
  /** The session whose calls alone may use the tools, which end with it. Default: all calls. */
  readonly sessionId?: string;
}

/** Host tools that were registered together. Disposing it takes them back. */
export interface Registration extends Disposable, AsyncDisposable {
  /** The names of the tools. */
  readonly names: readonly string[];
  /**
   * Takes the tools back. Calls that run go on. Does nothing for tools that were taken back before,
   * or ended with their session.
   */
  unregister(): void;
}

/** Dependencies of {@link HostTools}. */
export interface HostToolsDeps {
  /** Returns the names of the pools, which `expose` may name. */
  readonly pools: () => Iterable<string>;
  /** Returns true if a session is open, which counts as its use. */
  readonly isOpen: (sessionId: string) => Promise<boolean>;
}

/** Returns true for the tools that a caller may see. */
export type Visible = (tool: HostTool) => boolean;

/** A host tool, with the session that it belongs to. */
export interface FoundHostTool {
  readonly tool: HostTool;
  readonly sessionId: string | undefined;
}

/** The tools of one session. */
interface SessionTools {
  readonly tools: Map<string, HostTool>;
  /** True if the session was open at the first registration, or was opened after it. */
  wasOpen: boolean | Promise<boolean>;
}

/**
 * The host tools: global ones, and those of sessions.
 *
 * A name is taken once among the global tools, and once in each session. In the calls of a session
 * its own tool comes before a global one of the same name. The tools of a session end when it is
 * deleted, when it expires, and when another session of its id is opened. If the session was not
 * open when they were registered, they wait for the next one of this id.
 */
export class HostTools {
  readonly #global = new Map<string, HostTool>();
  readonly #sessions = new Map<string, SessionTools>();
  readonly #pools: HostToolsDeps["pools"];
  readonly #isOpen: HostToolsDeps["isOpen"];

  constructor({ pools, isOpen }: HostToolsDeps) {
    this.#pools = pools;
    this.#isOpen = isOpen;
  }

  /** True if there are none, neither global ones nor of sessions. */
  get isEmpty(): boolean {
    return this.#global.size === 0 && this.#sessions.size === 0;
  }

  /**
   * Registers tools, all or none of them.
   *
   * @throws {SnakedenError} `invalid_tool`, `tool_exists`, or `invalid_input` for a wrong session.
   */
  register(
    definitions: AnyHostTool | readonly AnyHostTool[],
    { sessionId }: RegisterOptions = {},
  ): Registration {
    if (sessionId !== undefined) checkSessionId(sessionId);
    const given: readonly AnyHostTool[] = isList(definitions) ? definitions : [definitions];
    const tools = new Map<string, HostTool>();
    for (const definition of given) {
      const tool = HostTool.of(definition);
      this.#checkExposure(tool);
      const taken = tools.has(tool.name) || this.#toolsOf(sessionId)?.has(tool.name);
      if (taken) throw toolExists(tool.name, sessionId);
      tools.set(tool.name, tool);
    }
    if (sessionId === undefined) { for (const [name, tool] of tools) this.#global.set(name, tool); }
    else if (tools.size > 0) this.#addTo(sessionId, tools);
    const unregister = (): void => this.#remove(tools, sessionId);
    return {
      names: [...tools.keys()],
      unregister,
      [Symbol.dispose]: unregister,
      [Symbol.asyncDispose]: () => Promise.resolve(unregister()),
    };
  }

  /** Returns the tool of this name that a caller may see: its session's, else a global one. */
  find(
    name: string,
    sessionId: string | undefined,
    isVisible: Visible,
  ): FoundHostTool | undefined {
    const own = sessionId === undefined ? undefined : this.#toolsOf(sessionId)?.get(name);
    if (own !== undefined && isVisible(own)) return { tool: own, sessionId };
    const tool = this.#global.get(name);
    return tool !== undefined && isVisible(tool) ? { tool, sessionId: undefined } : undefined;
  }

  /** Lists the tools that a caller may see, the global ones first. */
  list(sessionId: string | undefined, isVisible: Visible): FoundHostTool[] {
    const own = sessionId === undefined ? undefined : this.#toolsOf(sessionId);
    const found = [...this.#global.values()]
      .filter((tool) => isVisible(tool) && !hasVisible(own, tool.name, isVisible))
      .map((tool): FoundHostTool => ({ tool, sessionId: undefined }));
    const others = [...own?.values() ?? []].filter(isVisible);
    return [...found, ...others.map((tool) => ({ tool, sessionId }))];
  }

  /**
   * Ends the tools of a session if it has expired, although it was not swept yet. To be called
   * before tools of a session are used; there is nothing to wait for if it has none. Counts as a
   * use of the session.
   */
  refresh(sessionId: string | undefined): Promise<void> | undefined {
    const group = sessionId === undefined ? undefined : this.#sessions.get(sessionId);
    if (group === undefined || sessionId === undefined) return undefined;
    return this.#refresh(sessionId, group);
  }

  /** Notes that a session was opened. Its id may have been that of a session before. */
  opened(sessionId: string): void {
    const group = this.#sessions.get(sessionId);
    if (group === undefined) return;
    if (group.wasOpen === true) this.#end(sessionId, group);
    else group.wasOpen = true;
  }

  /** Ends the tools of sessions that have ended. */
  ended(sessionIds: readonly string[]): void {
    for (const id of sessionIds) this.#sessions.delete(id);
  }

  async #refresh(sessionId: string, group: SessionTools): Promise<void> {
    if (!await group.wasOpen || await this.#isOpen(sessionId)) return;
    if (this.#sessions.get(sessionId) === group) this.#end(sessionId, group);
  }

  #end(sessionId: string, { tools }: SessionTools): void {
    this.#sessions.delete(sessionId);
    getLogger("tools").info("{tools} ended with the session {sessionId}", {
      tools: [...tools.keys()].join(", "),
      sessionId,
    });
  }

  #toolsOf(sessionId: string | undefined): ReadonlyMap<string, HostTool> | undefined {
    return sessionId === undefined ? this.#global : this.#sessions.get(sessionId)?.tools;
  }

  #addTo(sessionId: string, tools: ReadonlyMap<string, HostTool>): void {
    let group = this.#sessions.get(sessionId);
    if (group === undefined) {
      const added: SessionTools = { tools: new Map(), wasOpen: false };
      added.wasOpen = this.#isOpen(sessionId).then((isOpen) => {
        // The session may have been opened while the store was asked.
        if (added.wasOpen !== true) added.wasOpen = isOpen;
        return isOpen;
      }, () => added.wasOpen = false);
      this.#sessions.set(sessionId, group = added);
    }
    for (const [name, tool] of tools) group.tools.set(name, tool);
  }

  #remove(tools: ReadonlyMap<string, HostTool>, sessionId: string | undefined): void {
    const group = sessionId === undefined ? undefined : this.#sessions.get(sessionId);
    const from = sessionId === undefined ? this.#global : group?.tools;
    for (const [name, tool] of tools) if (from?.get(name) === tool) from.delete(name);
    if (sessionId !== undefined && group?.tools.size === 0) this.#sessions.delete(sessionId);
  }

  /** Refuses the names of pools that do not exist: the tool would silently be exposed to none. */
  #checkExposure({ name, expose }: HostTool): void {
    if (expose === "all") return;
    const pools = new Set(this.#pools());
    const unknown = expose.find((pool) => !pools.has(pool));
    if (unknown === undefined) return;
    const message = `given ${JSON.stringify(unknown)}, which is no pool; ` +
      suggestion(unknown, pools);
    throw invalidTool(name, { field: "expose", reason: "unknown_pool", message });
  }
}

function isList(
  definitions: AnyHostTool | readonly AnyHostTool[],
): definitions is readonly AnyHostTool[] {
  return Array.isArray(definitions);
}

function hasVisible(
  tools: ReadonlyMap<string, HostTool> | undefined,
  name: string,
  isVisible: Visible,
): boolean {
  const tool = tools?.get(name);
  return tool !== undefined && isVisible(tool);
}

function checkSessionId(sessionId: unknown): void {
  if (typeof sessionId === "string" && isSessionId(sessionId)) return;
  const shown = typeof sessionId === "string" ? JSON.stringify(sessionId) : typeof sessionId;
  const message = `given ${shown.slice(0, 200)}; allowed: ${SESSION_ID_RULE}`;
  throw new InvalidInputError(`Cannot register host tools: sessionId: ${message}`, [
    { path: "sessionId", message },
  ]);
}
