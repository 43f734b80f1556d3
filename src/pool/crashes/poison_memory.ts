import type { Value } from "../../bridge/mod.ts";
import type { CrashRecord } from "./crash_record.ts";

/** What is called: the tool and its arguments. */
export interface Called {
  readonly tool: string;
  readonly args: Value;
}

/** When calls are taken for poison by what they call. */
export interface PoisonOptions {
  /** Deaths within the window that make a poison of a tool with its arguments. */
  readonly poisonAfter: number;
  readonly crashWindowMs: number;
  /** How long it is remembered; 0 remembers nothing. */
  readonly poisonMs: number;
}

interface Suspect {
  readonly length: number;
  readonly hash: number;
  deaths: readonly { readonly at: number; readonly death: CrashRecord }[];
  /** Set once it is poison. */
  poison?: { readonly until: number; readonly history: readonly CrashRecord[] };
}

/** Suspects of a tool that are remembered, and tools that have any. */
const MAX_SUSPECTS = 16;
const MAX_TOOLS = 64;
/** Larger arguments are not remembered: it would take long to look at them. */
const MAX_ARGS_BYTES = 1024 * 1024;

/**
 * What killed workers, by tool and arguments, so that a poison that comes back as a new call is known. Nothing is computed
 * until a worker crashes, and afterwards only for calls of a tool that has poison, with arguments of the same length. The
 * arguments themselves are not kept.
 */
export class PoisonMemory {
  readonly #options: PoisonOptions;
  readonly #suspects = new Map<string, Suspect[]>();
  /** Nothing is poison from this time on. */
  #until = -Infinity;

  constructor(options: PoisonOptions) {
    this.#options = options;
  }

  /**
   * Records that this call itself crashed a worker. `history` is given when the call alone is known
   * to be poison.
   */
  note(called: Called, death: CrashRecord, now: number, history?: readonly CrashRecord[]): void {
    const { poisonAfter, crashWindowMs, poisonMs } = this.#options;
    if (poisonMs === 0) return;
    const print = fingerprint(called.args);
    if (print === undefined) return;
    const suspect = this.#suspect(called.tool, print);
    suspect.deaths = [...suspect.deaths, { at: now, death }]
      .filter(({ at }) => now - at < crashWindowMs).slice(-poisonAfter);
    const all = history ??
      (suspect.deaths.length < poisonAfter ? undefined : suspect.deaths.map((it) => it.death));
    if (all === undefined) return;
    suspect.poison = { until: now + poisonMs, history: all };
    this.#until = Math.max(this.#until, now + poisonMs);
  }

  /** The deaths that speak against a call; undefined when it may run. */
  historyOf({ tool, args }: Called, now: number): readonly CrashRecord[] | undefined {
    if (now >= this.#until) return undefined;
    const poison = this.#suspects.get(tool)
      ?.filter((it) => it.poison !== undefined && it.poison.until > now) ?? [];
    const length = poison.length === 0 ? 0 : args.weight;
    if (!poison.some((it) => it.length === length)) return undefined;
    const print = fingerprint(args);
    return poison.find((it) => it.length === length && it.hash === print?.hash)?.poison?.history;
  }

  #suspect(tool: string, { length, hash }: Fingerprint): Suspect {
    const list = this.#suspects.get(tool) ?? [];
    // The tool that was seen last is the last in the map.
    this.#suspects.delete(tool);
    this.#suspects.set(tool, list);
    const [oldest] = this.#suspects.keys();
    if (this.#suspects.size > MAX_TOOLS && oldest !== undefined) this.#suspects.delete(oldest);
    const known = list.find((it) => it.length === length && it.hash === hash);
    if (known !== undefined) return known;
    const suspect: Suspect = { length, hash, deaths: [] };
    list.push(suspect);
    if (list.length > MAX_SUSPECTS) list.shift();
    return suspect;
  }
}

interface Fingerprint {
  readonly length: number;
  readonly hash: number;
}

function fingerprint(args: Value): Fingerprint | undefined {
  const length = args.weight;
  if (length > MAX_ARGS_BYTES) return undefined;
  const { json, buffers, shared } = args.wire;
  if (shared.length > 0) return undefined;
  return { length, hash: hashOf([json, ...buffers]) };
}

/** 53 bits over all bytes (cyrb53, after bryc), with the length of each part. */
function hashOf(parts: readonly Uint8Array[]): number {
  let h1 = 0xdeadbeef;
  let h2 = 0x41c6ce57;
  const mix = (value: number): void => {
    h1 = Math.imul(h1 ^ value, 2654435761);
    h2 = Math.imul(h2 ^ value, 1597334677);
  };
  for (const part of parts) {
    mix(part.byteLength);
    for (const byte of part) mix(byte);
  }
  h1 = Math.imul(h1 ^ (h1 >>> 16), 2246822507) ^ Math.imul(h2 ^ (h2 >>> 13), 3266489909);
  h2 = Math.imul(h2 ^ (h2 >>> 16), 2246822507) ^ Math.imul(h1 ^ (h1 >>> 13), 3266489909);
  return 4294967296 * (2097151 & h2) + (h1 >>> 0);
}
