import type { SnakedenError } from "../../errors.ts";
import type { AffinityMode, Args } from "./call.ts";

/** Data that JSON can hold. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** A session as plain data. */
export interface SessionInfo {
  /** The id: 1 to 128 letters, digits or `.` `_` `:` `-`. */
  readonly id: string;
  /** Begins at 1 and rises with each update. */
  readonly version: number;
  /** In ISO 8601. */
  readonly createdAt: string;
  /** The time at which it expires unless it is used before, in ISO 8601. */
  readonly expiresAt: string;
  /** The time without use after which it expires. */
  readonly ttlMs: number;
  /** Data about the session, as JSON. */
  readonly metadata: JsonObject;
  /** The worker to which strict calls have bound it; absent if there was none. */
  readonly worker?: BoundWorker | undefined;
}

/** The worker of a session. */
export interface BoundWorker {
  readonly pool: string;
  /** Absent if the worker ended with a host before. */
  readonly workerId?: string;
  /** Differs between two workers with the same id; absent like the id. */
  readonly incarnation?: string;
  /** The end of the worker, such as `was replaced`; absent while it takes calls. */
  readonly workerEnd?: string;
}

/** Options of the opening of a session. They count only if it does not exist yet. */
export interface OpenOptions {
  /** The time without use after which the session expires. Default: that of the host. */
  readonly ttlMs?: number;
  /** Data about the session: an object of JSON. Default: `{}`. */
  readonly metadata?: JsonObject;
}

/** Options of an update of a session; what is omitted stays. */
export interface UpdateOptions extends OpenOptions {
  /** Changes the session only if it has this version. */
  readonly ifVersion?: number;
}

/** Options of a list. */
export interface ListOptions {
  /** The `cursor` of the page before. Default: the first page. */
  readonly cursor?: string;
  /** The most items of the page, from 1 to 1000. Default: 100. */
  readonly limit?: number;
}

/** A page of a list. */
export interface ListPage<T> {
  readonly items: readonly T[];
  /** Asks for the next page; absent on the last one. */
  readonly cursor?: string;
}

/** The type of a variable. docs/sessions.md describes each. */
export type VariableType =
  | "float"
  | "integer"
  | "string"
  | "boolean"
  | "choice"
  | "json"
  | "tensor"
  | "embedding"
  | "module";

/** Limits on the values of a variable. Each is for some types only. */
export interface Constraints {
  /** Smallest value of a `float` or `integer`. */
  readonly min?: number;
  /** Largest value of a `float` or `integer`. */
  readonly max?: number;
  /** Fewest characters of a `string`. */
  readonly minLength?: number;
  /** Most characters of a `string`. */
  readonly maxLength?: number;
  /** The values of a `choice`, which must name them. */
  readonly choices?: readonly string[];
  /** The length of each dimension of a `tensor`; null allows any length. */
  readonly shape?: readonly (number | null)[];
  /** The number of elements of an `embedding`. */
  readonly dimensions?: number;
  /** The names that a `module` may have. */
  readonly allowedModules?: readonly string[];
}

/** A variable without its value. */
export interface VariableInfo {
  /** The name: 1 to 128 letters, digits or `.` `_` `:` `-`. */
  readonly name: string;
  readonly type: VariableType;
  /** A number that rises with each change of the session's variables. It is never used twice. */
  readonly version: number;
  /** The limits on its values, if there are any. */
  readonly constraints?: Constraints;
  /** The time of the last change, in ISO 8601. */
  readonly updatedAt: string;
  /** The length of the stored value. */
  readonly bytes: number;
}

/** A variable. */
export interface Variable<T = unknown> extends VariableInfo {
  readonly value: T;
}

/** A variable of a list, without its value if that is longer than 4 KiB. */
export type ListedVariable = VariableInfo & { readonly value?: unknown };

/** Options of a write of a variable. */
export interface SetOptions {
  /** Default: the type that the variable has, else the one that fits the value. */
  readonly type?: VariableType;
  /** Limits on this value and later ones. Default: those that the variable has. */
  readonly constraints?: Constraints;
  /** Writes only if the variable has this version; with 0, only if it does not exist. */
  readonly ifVersion?: number;
}

/** A variable of a batch. */
export interface VariableToSet extends SetOptions {
  readonly name: string;
  readonly value: unknown;
}

/** The result of a batch for one variable. */
export type SetResult =
  | { readonly name: string; readonly ok: true; readonly variable: VariableInfo }
  | { readonly name: string; readonly ok: false; readonly error: SnakedenError };

/** A change of the variables of a session. */
export interface VariableChange {
  /**
   * A variable was `set` or `deleted`. After a `reset`, changes were missed: read all variables
   * again.
   */
  readonly kind: "set" | "deleted" | "reset";
  /** The place of this change among all changes of the session, for {@link ChangeOptions.after}. */
  readonly position: string;
  /** The name of the variable; absent for a `reset`. */
  readonly name?: string;
  /** The version that the variable has since; absent for a `reset`. */
  readonly version?: number;
}

/** Options of the changes of a session. */
export interface ChangeOptions {
  /** The `position` of the last change that was seen. Default: only new changes. */
  readonly after?: string;
  /** A signal that ends the changes. */
  readonly signal?: AbortSignal;
}

/** A call that a program makes, without its arguments. */
export interface ProgramCall {
  /** The name of the tool, which need not exist until the program is run. */
  readonly tool: string;
  readonly pool?: string;
  readonly timeoutMs?: number;
  /** See {@link CallOptions.stallTimeoutMs}. */
  readonly stallTimeoutMs?: number;
  /** It needs a session at the run, unless it is `hint`. */
  readonly affinity?: AffinityMode;
  readonly priority?: number;
  /** Data about the program: an object of JSON. */
  readonly metadata?: JsonObject;
}

/** A program to write. */
export interface ProgramToPut extends ProgramCall {
  /** The arguments of the call that a run does not give itself; no bytes and no arrays. */
  readonly args?: Args;
}

/** A program without its call. */
export interface ProgramInfo {
  /** 1 to 128 letters, digits or `.` `_` `:` `-`. */
  readonly name: string;
  /** Begins at 1, and rises by one with each write. It begins at 1 again after a removal. */
  readonly version: number;
  /** The time of the last write, in ISO 8601. */
  readonly updatedAt: string;
  /** The length of the program, as JSON in UTF-8. */
  readonly bytes: number;
}

/** A program that was written. */
export interface PutProgram extends ProgramInfo {
  /** True if there was no program of this name. */
  readonly created: boolean;
}

/** A program. */
export interface Program extends ProgramInfo, ProgramCall {
  /** The arguments by name, decoded. */
  readonly args: Readonly<Record<string, unknown>>;
}

/** Options of the writes of programs. */
export interface ProgramWriteOptions {
  /** Writes only if the program has this version; with 0, only if it does not exist. */
  readonly ifVersion?: number;
}
