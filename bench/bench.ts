import { messageOf } from "../src/errors.ts";
import type { StartOptions } from "./contender.ts";
import { type Host, startHost } from "./host_process.ts";
import { DATA_DIR, type Installation } from "./installation.ts";
import { type Figures, medianOf } from "./measure.ts";

/** The lengths of measurements. */
export interface Pace {
  readonly quick: boolean;
  readonly rounds: number;
  readonly warmUpMs: number;
  readonly roundMs: number;
}

const USUAL: Pace = { quick: false, rounds: 3, warmUpMs: 300, roundMs: 1_000 };
const QUICK: Pace = { quick: true, rounds: 2, warmUpMs: 100, roundMs: 250 };

/** A contender that is not in the tables, or not in all of them, and why. */
export interface Skipped {
  readonly contender: string;
  readonly reason: string;
}

/** A subject that is measured in rounds, in turn with others. */
export interface Subject {
  readonly name: string;
  readonly measure: (
    round: { readonly isWarmUp: boolean; readonly durationMs: number },
  ) => Promise<Figures>;
}

type HostOptions = Partial<Pick<StartOptions, "workers" | "queueLimit">>;

/** The tools of a workload. */
export class Bench {
  readonly pace: Pace;
  readonly workers: number;
  readonly installation: Installation;
  readonly skipped: Skipped[] = [];
  readonly #only: readonly string[] | undefined;

  constructor(
    options: {
      readonly quick: boolean;
      readonly workers: number;
      readonly only: readonly string[] | undefined;
      readonly installation: Installation;
    },
  ) {
    this.pace = options.quick ? QUICK : USUAL;
    this.workers = options.workers;
    this.installation = options.installation;
    this.#only = options.only;
  }

  /** Tells whether a contender was asked for. */
  wants(contender: string): boolean {
    return this.#only?.includes(contender) ?? true;
  }

  /** Writes to standard error what is being measured. */
  say(line: string): void {
    console.error(line);
  }

  /** Notes once why a contender is missing. */
  skip(contender: string, error: unknown): void {
    const reason = messageOf(error);
    if (this.skipped.some((it) => it.contender === contender && it.reason === reason)) return;
    this.skipped.push({ contender, reason });
    this.say(`skipped ${contender}: ${reason}`);
  }

  /**
   * Starts the process of a contender.
   *
   * @throws If it cannot start.
   */
  async startHost(contender: string, options: HostOptions = {}): Promise<Host> {
    const { installation } = this;
    const python = contender === "snakeden" ? "" : await installation.peerPython();
    const npmFolder = contender === "python-shell" ? await installation.npmFolder() : "";
    const workers = options.workers ?? this.workers;
    return await startHost(contender, {
      python,
      npmFolder,
      dataDir: DATA_DIR,
      ...options,
      workers,
    });
  }

  /**
   * Starts the process of a contender. Returns undefined if it was not asked for or cannot start.
   */
  async host(contender: string, options: HostOptions = {}): Promise<Host | undefined> {
    if (!this.wants(contender)) return undefined;
    try {
      return await this.startHost(contender, options);
    } catch (error) {
      this.skip(contender, error);
      return undefined;
    }
  }

  /** Starts several contenders at once, and leaves out those that cannot start. */
  async hosts(contenders: readonly string[]): Promise<Hosts> {
    const all = await Promise.all(
      contenders.map(async (name) => [name, await this.host(name)] as const),
    );
    return new Hosts(all.flatMap(([name, host]) => host === undefined ? [] : [[name, host]]));
  }

  /**
   * Runs the subjects in turn: a warm-up, then round after round. So a machine that changes its
   * speed changes it for all. Returns the medians by name, without the subjects that failed.
   */
  async interleave(
    subjects: readonly Subject[],
    { rounds, warmUpMs, roundMs }: Omit<Pace, "quick"> = this.pace,
  ): Promise<Map<string, Figures>> {
    const runs = new Map<Subject, Figures[]>(subjects.map((it) => [it, []]));
    for (let round = 0; round <= rounds; round++) {
      const isWarmUp = round === 0;
      if (isWarmUp && warmUpMs === 0) continue;
      for (const [subject, measured] of runs) {
        try {
          const figures = await subject.measure({
            isWarmUp,
            durationMs: isWarmUp ? warmUpMs : roundMs,
          });
          if (!isWarmUp) measured.push(figures);
        } catch (error) {
          this.skip(subject.name, error);
          runs.delete(subject);
        }
      }
    }
    return new Map([...runs].map(([{ name }, measured]) => [name, medianOf(measured)]));
  }
}

/** The processes of contenders, by name. Disposing of them ends them all. */
export class Hosts implements AsyncDisposable {
  readonly #hosts: ReadonlyMap<string, Host>;

  constructor(hosts: Iterable<readonly [string, Host]>) {
    this.#hosts = new Map(hosts);
  }

  /** The contenders that run, in the order in which they were asked for. */
  get entries(): [string, Host][] {
    return [...this.#hosts];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#hosts.values()].map((it) => it[Symbol.asyncDispose]()));
  }
}
