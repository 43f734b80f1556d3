import { createHash } from "node:crypto";
import type { Value } from "../../bridge/mod.ts";
import type { CrashRecord } from "./crash_record.ts";

/** What is called: the tool and its arguments. */
export interface Called {
  readonly tool: string;
  readonly args: Value;
}

/** When calls are taken for poison by what they call. */
export interface PoisonOptions {
  /** Crashes within the window that make a poison of a tool with its arguments. */
  readonly poisonAfter: number;
  readonly crashWindowMs: number;
  /** How long it is remembered; 0 remembers nothing. */
  readonly poisonMs: number;
}

/** When a crash was, and what else is known of its call. */
export interface NoteOptions {
  readonly now: number;
  /** The crashes that the call caused itself, given when they make it poison by themselves. */
  readonly own?: readonly CrashRecord[];
}

interface Suspect {
  readonly length: number;
  readonly digest: string;
  crashes: readonly { readonly at: number; readonly record: CrashRecord }[];
  /** Set once it is poison. */
  poison?: { readonly until: number; readonly records: readonly CrashRecord[] };
}

/** Suspects of a tool that are remembered, and tools that have any. */
const MAX_SUSPECTS = 16;
const MAX_TOOLS = 64;
/** Larger arguments are not remembered: it would take long to look at them. */
const MAX_ARGS_BYTES = 1024 * 1024;

/**
 * The crashes that calls caused, by tool and arguments, so that a poison that comes back as a new
 * call is known. Nothing is computed until a worker crashes, and afterwards only for calls of a tool
 * that has poison, with arguments of the same length. The arguments themselves are not kept.
 */
export class PoisonMemory {
  readonly #options: PoisonOptions;
  readonly #suspects = new Map<string, Suspect[]>();
  /** Nothing is poison from this time on. */
  #until = -Infinity;

  constructor(options: PoisonOptions) {
    this.#options = options;
  }

  /** Records that a call itself crashed a worker. */
  note(called: Called, record: CrashRecord, { now, own }: NoteOptions): void {
    const { poisonAfter, crashWindowMs, poisonMs } = this.#options;
    if (poisonMs === 0) return;
    const print = fingerprint(called.args);
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
  recordsOf({ tool, args }: Called, now: number): readonly CrashRecord[] | undefined {
    if (now >= this.#until) return undefined;
    const poison = this.#suspects.get(tool)
      ?.filter((it) => it.poison !== undefined && it.poison.until > now) ?? [];
    const length = poison.length === 0 ? 0 : args.weight;
    if (!poison.some((it) => it.length === length)) return undefined;
    const print = fingerprint(args);
    return poison.find((it) => it.length === length && it.digest === print?.digest)?.poison
      ?.records;
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
  if (length > MAX_ARGS_BYTES) return undefined;
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
