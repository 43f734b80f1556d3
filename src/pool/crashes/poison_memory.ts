import { createHash } from "node:crypto";
import type { Value } from "../../bridge/mod.ts";
import type { CrashRecord } from "./crash_record.ts";

/** A tool and the arguments that it is called with. */
export interface Called {
  readonly tool: string;
  readonly args: Value;
}

/** Limits beyond which calls of a tool with the same arguments count as poison. */
export interface PoisonOptions {
  /** The number of crashes within the window that makes a tool with the same arguments poison. */
  readonly poisonAfter: number;
  readonly crashWindowMs: number;
  /** The time for which poison is remembered; 0 remembers none. */
  readonly poisonMs: number;
}

/** The time of a crash, and what else is known about its call. */
export interface NoteOptions {
  readonly now: number;
  /** The crashes that this one call caused, if they alone make it poison. */
  readonly own?: readonly CrashRecord[];
}

interface Suspect {
  readonly length: number;
  readonly digest: string;
  crashes: readonly { readonly at: number; readonly record: CrashRecord }[];
  /** Set once the suspect is poison. */
  poison?: { readonly until: number; readonly records: readonly CrashRecord[] };
}

/** The most suspects of a tool that are remembered, and the most tools with suspects. */
const MAX_SUSPECTS = 16;
const MAX_TOOLS = 64;
/** The size beyond which arguments are not remembered, since comparing them takes long. */
const MAX_ARGS_BYTES = 1024 * 1024;

/**
 * The crashes that calls have caused, by tool and arguments, so that poison is recognized when it
 * returns as a new call. Nothing is computed until a worker crashes, and then only for calls of a
 * tool with known poison and arguments of the same length. The arguments themselves are not kept.
 */
export class PoisonMemory {
  readonly #options: PoisonOptions;
  readonly #suspects = new Map<string, Suspect[]>();
  /** The time from which on nothing is poison. */
  #until = -Infinity;

  constructor(options: PoisonOptions) {
    this.#options = options;
  }

  /** Records that a call itself crashed a worker. */
  note(called: Called, record: CrashRecord, { now, own }: NoteOptions): void {
    const { poisonAfter, crashWindowMs, poisonMs } = this.#options;
    if (poisonMs === 0) return;
    const print = fingerprint(called.args.given);
    if (print === undefined) return;
    const suspect = this.#suspect(called.tool, print);
    suspect.crashes = [...suspect.crashes, { at: now, record }]
      .filter(({ at }) => now - at < crashWindowMs).slice(-poisonAfter);
    const isPoison = own !== undefined || suspect.crashes.length >= poisonAfter;
    if (!isPoison) return;
    const records = own ?? suspect.crashes.map((it) => it.record);
    suspect.poison = { until: now + poisonMs, records };
    this.#until = Math.max(this.#until, now + poisonMs);
  }

  /** Returns the crashes that speak against a call; undefined when it may run. */
  recordsOf(
    { tool, args: { given: args } }: Called,
    now: number,
  ): readonly CrashRecord[] | undefined {
    if (now >= this.#until) return undefined;
    const poison = this.#suspects.get(tool)
      ?.filter((it) => it.poison !== undefined && it.poison.until > now) ?? [];
    const length = poison.length === 0 ? 0 : args.weight;
    if (!poison.some((it) => it.length === length)) return undefined;
    const print = fingerprint(args);
    return poison.find((it) => it.length === length && it.digest === print?.digest)?.poison
      ?.records;
  }

  /** Forgets everything. */
  clear(): void {
    this.#suspects.clear();
    this.#until = -Infinity;
  }

  #suspect(tool: string, { length, digest }: Fingerprint): Suspect {
    const list = this.#suspects.get(tool) ?? [];
    // The tool that was seen last is the last in the map.
    this.#suspects.delete(tool);
    this.#suspects.set(tool, list);
    const [oldest] = this.#suspects.keys();
    if (this.#suspects.size > MAX_TOOLS && oldest !== undefined) this.#suspects.delete(oldest);
    const known = list.find((it) => it.length === length && it.digest === digest);
    if (known !== undefined) return known;
    const suspect: Suspect = { length, digest, crashes: [] };
    list.push(suspect);
    if (list.length > MAX_SUSPECTS) list.shift();
    return suspect;
  }
}

interface Fingerprint {
  readonly length: number;
  readonly digest: string;
}

function fingerprint(args: Value): Fingerprint | undefined {
  const length = args.weight;
  // Two calls with input streams may differ in the items alone.
  if (length > MAX_ARGS_BYTES || args.inputs !== undefined) return undefined;
  const { json, buffers, shared } = args.wire;
  if (shared.length > 0) return undefined;
  return { length, digest: digestOf([json, ...buffers]) };
}

/** Digests all bytes, and the length of each part. */
function digestOf(parts: readonly Uint8Array[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(`${part.byteLength}:`).update(part);
  return hash.digest("base64");
}
