import type { DatabaseSync } from "node:sqlite";
import type { Ended, JobStoreLimits } from "../../store/mod.ts";
import { packError } from "../messages/mod.ts";
import type {
  Answer,
  Answers,
  Batch,
  ClaimOp,
  PackedHolds,
  Request,
  WriteOps,
} from "../messages/mod.ts";
import { giveUp, rollBack } from "../schema/mod.ts";
import { cancel, retry } from "./change.ts";
import { Claims } from "./claim.ts";
import { extend } from "./extend.ts";
import { addFile, filesOf, removeFile } from "./files/mod.ts";
import { finish } from "./finish.ts";
import { releaseHeld } from "./release.ts";
import { queueRowOf } from "./queues/mod.ts";
import { declareQueues } from "./ranks.ts";
import { refusedBy, submit, takenIds } from "./submit/mod.ts";
import { abandon, runDue, sweep } from "./sweep.ts";
import { WriteContext } from "./write_context.ts";

/** The order of the operations of a group. Claims come last: all others may make jobs ready. */
const ORDER: readonly (keyof WriteOps)[] = [
  "declare",
  "patch",
  "addFile",
  "submit",
  "extend",
  "finish",
  "cancel",
  "retry",
  "removeFile",
  "sweep",
  // After those, so that a file that was pinned before it is asked for is there, or known missing.
  "findFiles",
  "abandon",
  "tick",
  "claim",
];

type WriteRequest = Request<WriteOps>;

/** The most expired jobs, and unused blobs, that are remembered for a sweep. */
const MAX_UNREPORTED = 10_000;

/** SQLite's result codes after which a repetition fails too: I/O, read-only, full, locked. */
const HOPELESS = new Set([5, 6, 8, 10, 11, 13, 14, 26]);

/**
 * Runs groups of operations: each group is one transaction, and its answers leave after the commit.
 * If an operation fails, the transaction is rolled back, and each operation runs in one of its own,
 * so that only the one that is wrong fails. That costs the good case nothing, unlike a savepoint
 * for each operation.
 */
export class Writer {
  readonly #ctx: WriteContext;
  readonly #claims: Claims;
  /** Claims that wait for a job, first come, first served. */
  readonly #waiting = new Map<number, ClaimOp>();
  /** True if what is kept in memory is not what is stored. */
  #isStale = false;
  /** Jobs that have expired since the last sweep, which reports them. */
  #unreported: readonly Ended[] = [];
  /** The ids of those that have expired in the running batch. */
  readonly #expired: string[] = [];
  /** The unreported ones, as the running group changes it. */
  #ended: Ended[] = [];
  /** Blobs whose last name has gone since the last sweep. The next start finds what is cut off. */
  #unusedBlobs: readonly string[] = [];

  constructor(database: DatabaseSync, limits: JobStoreLimits) {
    this.#ctx = new WriteContext(database, limits);
    this.#claims = new Claims(this.#ctx);
  }

  /** The highest time that is stored. */
  get storedTime(): number {
    return this.#ctx.storedTime;
  }

  /** Runs a group of operations. */
  run({ now, requests }: Batch<WriteOps>): Answers {
    this.#ctx.now = now;
    const group = requests.filter(({ op }) => op !== "leave" && op !== "maxPages");
    group.sort((a, b) => ORDER.indexOf(a.op) - ORDER.indexOf(b.op));
    const answers = group.length === 0 ? [] : this.#runGroup(group);
    for (const { id, op, ask } of requests) {
      if (op === "maxPages") answers.push({ id, answer: this.#setMaxPages(ask as number | null) });
    }
    // After the claims of the same message, of which one may be to leave.
    for (const it of requests) if (it.op === "leave") this.#leave(it, answers);
    const ended = this.#expired.splice(0);
    return { answers, tickAt: this.#tickAt(), ...(ended.length > 0 && { ended }) };
  }

  #runGroup(group: readonly WriteRequest[]): Answer[] {
    try {
      return this.#commit(group);
    } catch (error) {
      const isHopeless = HOPELESS.has(Number((error as { errcode?: unknown }).errcode) & 0xff);
      if (group.length === 1 || isHopeless) {
        return group.map(({ id }) => ({ id, error: packError(error) }));
      }
    }
    return group.flatMap((it) => this.#runGroup([it]));
  }

  #commit(group: readonly WriteRequest[]): Answer[] {
    const { database } = this.#ctx;
    const answers: Answer[] = [];
    const granted: number[] = [];
    const waiting: [number, ClaimOp][] = [];
    const finishing: [number, PackedHolds][] = [];
    const ends = group.filter(({ op }) => op === "finish").length;
    if (this.#isStale) this.#reload();
    for (const it of this.#unusedBlobs) this.#ctx.unusedBlobs.add(it);
    database.exec("begin immediate");
    try {
      const expired = runDue(this.#ctx);
      this.#ended = [...this.#unreported, ...expired];
      for (const { id, op, ask } of group) {
        if (op === "claim") {
          waiting.push([id, ask as ClaimOp]);
        } else if (op === "finish") {
          finishing.push([id, ask as PackedHolds]);
          // The ends of all callers follow each other, and are one list for SQLite.
          if (finishing.length === ends) {
            const places = finish(this.#ctx, finishing.map(([, ask]) => ask));
            for (const [i, [id]] of finishing.entries()) answers.push({ id, answer: places[i] });
          }
        } else {
          answers.push({ id, answer: this.#runOne(op, ask) });
        }
      }
      // A job that was returned may have expired while it was claimed.
      const late = runDue(this.#ctx);
      this.#ended.push(...late);
      expired.push(...late);
      releaseHeld(this.#ctx);
      this.#ctx.queueRateAt = Infinity;
      const claims = new Map([...this.#waiting, ...waiting]);
      do {
        for (const [id, ask] of claims) {
          const taken = this.#claims.take(ask);
          if (taken === null && ask.waits) continue;
          claims.delete(id);
          granted.push(id);
          answers.push({ id, answer: taken });
        }
        // A start of one pool can make room for a job of another one, whose claim goes on to wait.
      } while (releaseHeld(this.#ctx) && claims.size > 0);
      this.#ctx.flush();
      database.exec("commit");
      for (const { id } of expired) this.#expired.push(id);
    } catch (error) {
      this.#isStale = true;
      this.#reload();
      throw error;
    }
    this.#unreported = this.#ended.slice(-MAX_UNREPORTED);
    this.#unusedBlobs = [...this.#ctx.unusedBlobs].slice(-MAX_UNREPORTED);
    this.#ctx.unusedBlobs.clear();
    for (const [id, ask] of waiting) this.#waiting.set(id, ask);
    for (const id of granted) this.#waiting.delete(id);
    return answers;
  }

  /** Goes back to what is stored. If it cannot be read, the next group tries it again. */
  #reload(): void {
    giveUp(this.#ctx.database);
    this.#ctx.reload();
    this.#isStale = false;
  }

  #runOne<K extends keyof WriteOps>(op: K, ask: unknown): unknown {
    const ctx = this.#ctx;
    const run: { [K in keyof WriteOps]?: (ask: WriteOps[K]["ask"]) => WriteOps[K]["answer"] } = {
      submit: (ask) => {
        try {
          const draining = refusedBy(ctx, ask);
          if (draining !== undefined) return { draining };
          return { createdAt: ctx.now, ...submit(ctx, ask) };
        } catch (error) {
          rollBack(ctx.database);
          throw takenIds(ctx, ask) ?? error;
        }
      },
      extend: (ask) => extend(ctx, ask),
      cancel: (ask) => cancel(ctx, ask),
      retry: (ask) => retry(ctx, ask),
      declare: (ask) => {
        declareQueues(ctx, ask);
        return null;
      },
      patch: ({ name, patch }) => {
        if (!this.#isSeen(name)) return null;
        const queue = ctx.queues.patch(name, patch);
        return queue === undefined ? null : queueRowOf(queue);
      },
      addFile: (ask) => addFile(ctx, ask),
      removeFile: (ask) => removeFile(ctx, ask),
      findFiles: (ask) => filesOf(ctx.statements, ask, ctx.now),
      sweep: (ask) => {
        const swept = sweep(ctx, ask);
        const unusedBlobs = [...ctx.unusedBlobs];
        ctx.unusedBlobs.clear();
        return { ...swept, ended: [...this.#ended.splice(0), ...swept.ended], unusedBlobs };
      },
      abandon: (holder) => abandon(ctx, holder),
      tick: () => null,
    };
    return run[op]?.(ask as WriteOps[K]["ask"]) ?? null;
  }

  /** Returns true for a queue that is declared, or has jobs. */
  #isSeen(name: string): boolean {
    const { queues, counters, database, statements } = this.#ctx;
    if (queues.find(name)?.declared === 1) return true;
    if (counters.flush(database)) this.#ctx.isChanged = true;
    return statements.get("select 1 from counter where queue = ? and jobs > 0", name) !== undefined;
  }

  /** SQLite sets it no lower than the pages that there are. */
  #setMaxPages(pages: number | null): null {
    this.#ctx.database.exec(`pragma max_page_count = ${pages ?? 0xfffffffe}`);
    return null;
  }

  /** Takes a claim out of the line; one that was answered already has left it. */
  #leave({ id, ask }: WriteRequest, answers: Answer[]): void {
    const claim = ask as number;
    if (this.#waiting.delete(claim)) answers.push({ id: claim, answer: null });
    answers.push({ id, answer: null });
  }

  /** Returns the next time that can make a job ready for a claim that waits. */
  #tickAt(): number | undefined {
    if (this.#waiting.size === 0) return undefined;
    const { dueAt, rateAt, queueRateAt } = this.#ctx;
    const at = Math.min(dueAt, rateAt, queueRateAt);
    return at === Infinity ? undefined : at;
  }
}
