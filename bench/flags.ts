import { parseArgs } from "node:util";
import { messageOf } from "../src/errors.ts";

const SOAK_MINUTES = 10;
const MAX_WORKERS = 256;

/** The flags of the command line. */
export interface Flags {
  readonly help: boolean;
  readonly quick: boolean;
  /** The contenders; all if undefined. */
  readonly only?: readonly string[];
  /** The workloads; all if undefined. */
  readonly work?: readonly string[];
  readonly workers?: number;
  readonly json?: string;
  readonly html?: string;
  readonly soakMinutes?: number;
}

/** The names that flags may use. */
export interface KnownNames {
  readonly contenders: readonly string[];
  readonly workloads: readonly string[];
}

/** The error for a command line that cannot be followed. Its text says what is allowed. */
export class UsageError extends Error {}

/**
 * Reads the command line.
 *
 * @throws {UsageError}
 */
export function readFlags(args: readonly string[], known: KnownNames): Flags {
  const values = parse(withSoakMinutes(args));
  const { help = false, quick = false, json, html } = values;
  return {
    help,
    quick,
    ...(values.only === undefined ? {} : { only: names("--only", values.only, known.contenders) }),
    ...(values.work === undefined ? {} : { work: names("--work", values.work, known.workloads) }),
    ...(values.workers === undefined ? {} : { workers: workers(values.workers) }),
    ...(json === undefined ? {} : { json }),
    ...(html === undefined ? {} : { html }),
    ...(values.soak === undefined ? {} : { soakMinutes: minutes(values.soak) }),
  };
}

interface RawFlags {
  readonly help?: boolean;
  readonly quick?: boolean;
  readonly only?: string;
  readonly work?: string;
  readonly workers?: string;
  readonly json?: string;
  readonly html?: string;
  readonly soak?: string;
}

function parse(args: readonly string[]): RawFlags {
  try {
    return parseArgs({
      args: [...args],
      options: {
        help: { type: "boolean", short: "h" },
        quick: { type: "boolean" },
        only: { type: "string" },
        work: { type: "string" },
        workers: { type: "string" },
        json: { type: "string" },
        html: { type: "string" },
        soak: { type: "string" },
      },
    }).values;
  } catch (error) {
    throw new UsageError(messageOf(error));
  }
}

/** Gives `--soak` the usual number of minutes if it has none, which parseArgs cannot do. */
function withSoakMinutes(args: readonly string[]): string[] {
  return args.map((it, i) => {
    const next = args[i + 1];
    const isAlone = it === "--soak" && (next === undefined || next.startsWith("-"));
    return isAlone ? `--soak=${SOAK_MINUTES}` : it;
  });
}

function names(flag: string, text: string, allowed: readonly string[]): string[] {
  const given = text.split(",").map((it) => it.trim()).filter((it) => it !== "");
  const unknown = given.filter((it) => !allowed.includes(it));
  if (unknown.length > 0 || given.length === 0) {
    const problem = given.length === 0 ? "names nobody" : `has no ${unknown.join(", ")}`;
    throw new UsageError(`${flag} ${problem}; allowed: ${allowed.join(", ")}`);
  }
  return given;
}

function workers(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > MAX_WORKERS) {
    throw new UsageError(
      `--workers is given ${text}; allowed: a whole number from 1 to ${MAX_WORKERS}`,
    );
  }
  return value;
}

function minutes(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !(value > 0 && value <= 1_440)) {
    throw new UsageError(`--soak is given ${text}; allowed: a number of minutes up to 1440`);
  }
  return value;
}
