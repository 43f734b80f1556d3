import type { Tool } from "../../bridge/mod.ts";
import { RecencyMap } from "../../collections/mod.ts";
import { SnakedenError } from "../../errors.ts";
import { type Affinity, SessionCall, type ToolBinding } from "../affinity/mod.ts";
import type { CallRequest } from "../calls/mod.ts";
import type { Worker } from "../workers/mod.ts";
import { notRegistered, takesNoCalls, toolExists, tooManyTools } from "./registration_errors.ts";

/** The most tools that a worker may have registered. */
const MAX_TOOLS = 1_000;
/** The most characters of their descriptions and schemas. */
const MAX_CHARACTERS = 4_194_304;
/** The most tools of workers that have ended which a pool remembers. */
const MAX_REMEMBERED = 1_000;

/** A life of a session. One that is opened later under the same id is another one. */
export interface LifeOfSession {
  readonly id: string;
  readonly life: string;
}

/** A tool that a worker has registered. */
export interface RegisteredTool {
  readonly tool: Tool;
  readonly workerId: string;
  /** The session that sees it; undefined if all callers do. */
  readonly sessionId: string | undefined;
}

/** A pool, reduced to what its registered tools need. */
export interface ToolMemory {
  readonly name: string;
  /** True if its newest worker has a tool of this name from its adapter. */
  offers(tool: string): boolean;
}

/** A worker that has registered tools. */
interface Owner {
  readonly worker: Worker;
  readonly binding: ToolBinding;
  readonly entries: Set<Entry>;
  /** The length of the descriptions and schemas of its tools. */
  characters: number;
}

interface Entry extends RegisteredTool {
  readonly owner: Owner;
  readonly life: string | undefined;
  readonly characters: number;
}

/**
 * The tools that the workers of a pool have registered, for all callers or for one session. A tool
 * ends with its worker, and that of a session also with the life of the session.
 *
 * Only the worker that has registered a tool has its function. So each call of the tool is bound to
 * this worker, whatever the affinity of the call, and it neither uses nor changes the binding of
 * its session. A tool of the adapter goes before all of these, and one of the session before one
 * for all.
 */
export class RegisteredTools {
  readonly #pool: ToolMemory;
  readonly #affinity: Affinity;
  readonly #forAll = new Map<string, Entry>();
  readonly #bySession = new Map<string, Map<string, Entry>>();
  readonly #byLife = new Map<string, Set<Entry>>();
  readonly #owners = new Map<Worker, Owner>();
  /** Tools whose workers have ended, by {@link keyOf}. */
  readonly #gone = new RecencyMap<ToolBinding>();
  #size = 0;

  constructor(pool: ToolMemory, affinity: Affinity) {
    this.#pool = pool;
    this.#affinity = affinity;
  }

  /** The number of tools. */
  get size(): number {
    return this.#size;
  }

  /** Lists the tools for all callers and, if one is given, those of a session. */
  list(sessionId?: string): RegisteredTool[] {
    const own = sessionId === undefined ? undefined : this.#bySession.get(sessionId);
    return [...this.#forAll.values(), ...own?.values() ?? []];
  }

  /** Returns the registered tool that a call would run; undefined if it would run none. */
  find(tool: string, sessionId?: string): RegisteredTool | undefined {
    return this.#find(tool, sessionId);
  }

  /** Returns the deadline that a tool declares for its calls; 0 if it declares none. */
  timeoutOf(tool: string, sessionId?: string): number {
    return this.#find(tool, sessionId)?.tool.timeoutMs ?? 0;
  }

  /** Returns the time that calls of a tool may show nothing, as it declares; 0 if it does not. */
  stallTimeoutOf(tool: string, sessionId?: string): number {
    return this.#find(tool, sessionId)?.tool.stallTimeoutMs ?? 0;
  }

  /** Returns true if a worker has registered tools, which would end with it. */
  has(worker: Worker): boolean {
    return this.#owners.has(worker);
  }

  /** True if a tool declares that it may run twice. */
  isIdempotent(tool: string, sessionId?: string): boolean {
    return this.#find(tool, sessionId)?.tool.idempotent === true;
  }

  /** Returns the session's part of a call that is bound to the worker of its tool. */
  admit({ tool, sessionId, affinity }: CallRequest): SessionCall | undefined {
    const entry = this.#find(tool, sessionId);
    if (entry === undefined) return undefined;
    const failsFast = sessionId !== undefined && affinity === "strict_fail_fast";
    return new SessionCall(entry.owner.binding, failsFast ? affinity : "strict_queue", false);
  }

  /** Returns the error of a call whose tool has ended with its worker, if that is remembered. */
  departed(tool: string, sessionId?: string): SnakedenError | undefined {
    const key = sessionId === undefined ? undefined : keyOf(tool, sessionId);
    const binding = (key === undefined ? undefined : this.#gone.get(key)) ??
      this.#gone.get(keyOf(tool, undefined));
    if (binding === undefined) return undefined;
    const { message, details } = binding.unavailable(tool);
    return new SnakedenError("unknown_tool", message, { details });
  }

  /**
   * Registers tools of a worker, all or none.
   *
   * @param session The session that sees them. Default: all callers do.
   * @throws {SnakedenError} `tool_exists`, `invalid_tool`, `shutting_down`.
   */
  add(worker: Worker, tools: readonly Tool[], session?: LifeOfSession): void {
    const owner = this.#ownerOf(worker);
    const names = new Set<string>();
    for (const { name } of tools) {
      this.#refuseKnown(worker, name, session?.id);
      if (names.has(name)) this.#refuse(name, "which the same batch has twice");
      names.add(name);
    }
    const count = owner.entries.size + tools.length;
    const characters = tools.reduce((sum, it) => sum + lengthOf(it), owner.characters);
    const counted = [
      [count, MAX_TOOLS, "registered tools"],
      [characters, MAX_CHARACTERS, "characters of descriptions and schemas"],
    ] as const;
    for (const [given, max, what] of counted) {
      if (given > max) throw tooManyTools(worker.id, { what, max, given });
    }
    this.#owners.set(worker, owner);
    for (const tool of tools) this.#add(owner, tool, session);
  }

  /**
   * Ends tools that a worker has registered, all or none. Calls that wait for them go to the
   * worker, which refuses them.
   *
   * @throws {SnakedenError} `unknown_tool`.
   */
  remove(worker: Worker, names: readonly string[], sessionId?: string): void {
    const entries = names.map((name) => {
      const entry = this.#tableOf(sessionId)?.get(name);
      if (entry?.owner.worker === worker) return entry;
      throw notRegistered(name, { workerId: worker.id, sessionId });
    });
    for (const entry of entries) this.#remove(entry);
  }

  /** Ends the tools of sessions whose lives have ended. */
  sessionsEnded(lives: readonly string[]): void {
    if (this.#byLife.size === 0) return;
    for (const life of lives) {
      for (const entry of [...this.#byLife.get(life) ?? []]) this.#remove(entry);
    }
  }

  /** Ends the tools of a session that is not open. */
  sessionEnded(id: string): void {
    for (const entry of [...this.#bySession.get(id)?.values() ?? []]) this.#remove(entry);
  }

  #find(tool: string, sessionId: string | undefined): Entry | undefined {
    if (this.#size === 0) return undefined;
    const own = sessionId === undefined ? undefined : this.#bySession.get(sessionId)?.get(tool);
    const entry = own ?? this.#forAll.get(tool);
    // Code that was loaded later may have a tool of this name.
    return entry === undefined || this.#pool.offers(tool) ? undefined : entry;
  }

  #tableOf(sessionId: string | undefined): Map<string, Entry> | undefined {
    return sessionId === undefined ? this.#forAll : this.#bySession.get(sessionId);
  }

  #ownerOf(worker: Worker): Owner {
    const known = this.#owners.get(worker);
    if (known !== undefined && !known.binding.owner.hasLeft) return known;
    const binding = this.#affinity.bindingTo(worker, () => this.#ended(worker));
    if (binding === undefined) throw takesNoCalls(worker.id);
    return { worker, binding, entries: new Set(), characters: 0 };
  }

  #refuseKnown(worker: Worker, name: string, sessionId: string | undefined): void {
    if (this.#pool.offers(name) || worker.toolNames.has(name)) {
      this.#refuse(name, "which the adapter has");
    }
    const entry = this.#tableOf(sessionId)?.get(name);
    // The end of a worker that has left may not be known yet.
    if (entry === undefined || entry.owner.binding.owner.hasLeft) return;
    const { workerId } = entry;
    const whom = sessionId === undefined ? "" : ` for the session ${sessionId}`;
    this.#refuse(name, `which ${workerId} has registered${whom}`, workerId);
  }

  #refuse(name: string, owner: string, workerId?: string): never {
    const { name: pool } = this.#pool;
    throw toolExists(name, { pool, owner, ...(workerId === undefined ? {} : { workerId }) });
  }

  #add(owner: Owner, tool: Tool, session: LifeOfSession | undefined): void {
    const { id: sessionId, life } = session ?? {};
    const predecessor = this.#tableOf(sessionId)?.get(tool.name);
    if (predecessor !== undefined) this.#remove(predecessor);
    const characters = lengthOf(tool);
    const entry: Entry = { tool, workerId: owner.worker.id, sessionId, owner, life, characters };
    owner.entries.add(entry);
    owner.characters += characters;
    const table = this.#tableOf(sessionId) ?? new Map<string, Entry>();
    table.set(tool.name, entry);
    if (sessionId !== undefined) this.#bySession.set(sessionId, table);
    if (life !== undefined) {
      this.#byLife.set(life, (this.#byLife.get(life) ?? new Set()).add(entry));
    }
    this.#gone.delete(keyOf(tool.name, sessionId));
    this.#size++;
  }

  #remove(entry: Entry): void {
    const { owner, sessionId, life, tool, characters } = entry;
    if (!owner.entries.delete(entry)) return;
    owner.characters -= characters;
    if (owner.entries.size === 0) this.#owners.delete(owner.worker);
    const table = this.#tableOf(sessionId);
    table?.delete(tool.name);
    if (sessionId !== undefined && table?.size === 0) this.#bySession.delete(sessionId);
    if (life !== undefined) {
      const entries = this.#byLife.get(life);
      entries?.delete(entry);
      if (entries?.size === 0) this.#byLife.delete(life);
    }
    this.#size--;
  }

  /** Ends the tools of a worker that has ended, and remembers them for the texts of errors. */
  #ended(worker: Worker): void {
    const owner = this.#owners.get(worker);
    for (const entry of [...owner?.entries ?? []]) {
      this.#remove(entry);
      this.#gone.set(keyOf(entry.tool.name, entry.sessionId), entry.owner.binding);
      const { oldest } = this.#gone;
      if (this.#gone.size > MAX_REMEMBERED && oldest !== undefined) this.#gone.delete(oldest[0]);
    }
  }
}

function keyOf(tool: string, sessionId: string | undefined): string {
  return JSON.stringify([tool, sessionId ?? null]);
}

function lengthOf({ description, inputSchema, outputSchema }: Tool): number {
  return description.length + inputSchema.length + outputSchema.length;
}
