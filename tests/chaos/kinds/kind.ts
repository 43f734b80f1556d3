import { SnakedenError } from "../../../mod.ts";
import type { Random } from "../random.ts";

/** A kind of call, and the ways in which it may fail. */
export interface Kind {
  readonly name: string;
  /** The share of this kind, relative to the others. */
  readonly weight: number;
  readonly run: (random: Random) => Promise<unknown>;
  /** The codes of expected errors, besides those of {@link WORLD}. */
  readonly codes?: readonly string[];
  /**
   * The codes that the host may have answered to the tool in Python, which then fails with
   * `python_exception`; those of {@link WORLD} are expected as well.
   */
  readonly causes?: readonly string[];
}

/** Something that must not happen, and the kind of what failed. */
export interface Strange {
  readonly name: string;
  readonly error: unknown;
}

/** The codes with which chaos may end any call. */
const WORLD = ["worker_crashed", "pool_saturated", "pool_unhealthy"];

/** Returns the name of an outcome, and whether a kind expects it. */
export function judge(
  error: unknown,
  { codes = [], causes }: Kind,
): { readonly outcome: string; readonly isExpected: boolean } {
  const code = codeOf(error);
  const cause = causes && causeOf(error);
  if (cause !== undefined) {
    const isExpected = WORLD.includes(cause) || causes?.includes(cause) === true;
    return { outcome: `${code} of ${cause}`, isExpected };
  }
  return { outcome: code, isExpected: codes.includes(code) || WORLD.includes(code) };
}

/** Returns true if chaos may end any call with this error. */
export function isOfTheWorld(error: unknown): boolean {
  return WORLD.includes(codeOf(error));
}

/** Waits. Chaos needs no event to wait for. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Makes a call that its caller leaves after a while; it throws an error `left` then. */
export async function leaveAfter<T>(
  ms: number,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const leaving = new AbortController();
  const timer = setTimeout(() => leaving.abort(new Error("left")), ms);
  try {
    return await call(leaving.signal);
  } finally {
    clearTimeout(timer);
  }
}

/** Returns the error of a problem that the host has sent. */
export function errorOf(
  { code, detail, details }: {
    readonly code: SnakedenError["code"];
    readonly detail: string;
    readonly details?: Readonly<Record<string, unknown>>;
  },
): SnakedenError {
  return new SnakedenError(code, detail, details === undefined ? {} : { details });
}

function codeOf(error: unknown): string {
  if (error instanceof SnakedenError) return error.code;
  return error instanceof Error ? error.message : String(error);
}

/** Returns the code that was the first cause; undefined for any other error than of Python. */
function causeOf(error: unknown): string | undefined {
  if (!(error instanceof SnakedenError) || error.code !== "python_exception") return undefined;
  const { cause } = error.details as { readonly cause?: { readonly code: string } };
  if (cause?.code !== "python_exception") return cause?.code ?? "none";
  // Python called the host, which called Python, and so on: only the text has the first cause.
  return /\((\w+)\)(?: \(python_exception\))+$/.exec(error.message.trim())?.[1] ?? "unknown";
}
