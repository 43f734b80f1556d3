import type { DatabaseSync } from "node:sqlite";
import { cellAt } from "../schema/mod.ts";
import { giveUp, PLACE, rollBack, stateOf } from "../schema/mod.ts";
import type { Answer, Answers, Batch, PackedRecord, ReadOps } from "../messages/mod.ts";
import { packError } from "../messages/mod.ts";
import {
  filesOf,
  IN_LIST,
  QUEUE_COLUMNS,
  queueRowOf,
  readTotals,
  type StoredQueue,
} from "../writer/mod.ts";
import { Statements } from "../writer/mod.ts";
import { eventsOf } from "./events.ts";
import { lastLineOf, logsOf } from "./logs.ts";
import { JOB_AND_RUN, list, listIds } from "./list.ts";
import { jobOfFile, listFiles } from "./files.ts";
import { hasOutputs, outputsOf } from "./outputs.ts";
import { waitOf } from "./wait_reason.ts";

/** The columns of an attempt, in the order of the message. */
const ATTEMPT_COLUMNS =
  "run, attempt, outcome, started_at, finished_at, holder, worker, error, exit";

/** A result, of which the body is null if it is a blob. */
interface StoredResult {
  readonly seq: number;
  readonly bytes: number;
  readonly body: Uint8Array<ArrayBuffer> | null;
}

const RESULT = `select seq, result_bytes as bytes,
  coalesce(result, (select body from job_result where job_result.seq = job.seq)) as body
  from job where id = ? and place = ${PLACE.completed}`;

/** Reads jobs. Each operation sees one state of the database. */
export class Reader {
  readonly #database: DatabaseSync;
  readonly #statements: Statements;

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#statements = new Statements(database);
  }

  /** Runs operations, one after the other. */
  run({ now, requests }: Batch<ReadOps>): Answers {
    const answers = requests.map(({ id, op, ask }): Answer => {
      try {
        rollBack(this.#database);
        this.#database.exec("begin");
        const answer = this.#runOne(op, ask, now);
        this.#database.exec("commit");
        return { id, answer };
      } catch (error) {
        this.#giveUp();
        return { id, error: packError(error) };
      }
    });
    return { answers };
  }

  #giveUp(): void {
    try {
      giveUp(this.#database);
    } catch {
      // The next operation tries it again, and fails with the reason.
    }
  }

  #runOne(op: keyof ReadOps, ask: unknown, now: number): unknown {
    const statements = this.#statements;
    switch (op) {
      case "get":
        return this.#get(ask as string);
      case "args":
        return this.#bytes(
          `select coalesce(args, (select body from job_args where job_args.seq = job.seq)) as body
          from job where id = ?`,
          ask as string,
        );
      case "result":
        return this.#result(ask as string);
      case "named":
        return statements.cells(
          `select sha256 from blob where sha256 ${IN_LIST}`,
          JSON.stringify(ask),
        ).map(([sha256]) => sha256);
      case "list":
        return list(statements, ask as ReadOps["list"]["ask"]);
      case "ids":
        return listIds(statements, ask as ReadOps["ids"]["ask"]);
      case "counts":
        return statements
          .all<{ queue: string; place: number; jobs: number }>(
            "select queue, place, jobs from counter where jobs > 0 order by queue, place",
          )
          .map(({ queue, place, jobs }) => ({ queue, state: stateOf(place), count: jobs }));
      case "queues":
        return statements
          .all<StoredQueue>(`select ${QUEUE_COLUMNS} from queue where declared = 1 or exists (
              select 1 from counter where queue = name and jobs > 0) order by name`)
          .map(queueRowOf);
      case "holders":
        return statements.all(
          "select holder, count(*) as jobs from running group by holder order by holder",
        ).map((it) => ({ ...it as object }));
      case "events":
        return eventsOf(statements, ask as ReadOps["events"]["ask"]);
      case "logs":
        return logsOf(statements, ask as ReadOps["logs"]["ask"]);
      case "outputs":
        return outputsOf(statements, ask as ReadOps["outputs"]["ask"]);
      case "files":
        return filesOf(statements, ask as readonly string[], now);
      case "listFiles":
        return listFiles(statements, ask as ReadOps["listFiles"]["ask"], now);
      case "jobOfFile":
        return jobOfFile(statements, ask as string);
      case "fileTotals":
        return readTotals(statements);
      case "lastLine":
        return lastLineOf(statements, ask as string);
      case "waitOf":
        return waitOf(statements, ask as string, now);
    }
  }

  #get(id: string): PackedRecord | null {
    const [row] = this.#statements.cells(`select ${JOB_AND_RUN} where job.id = ?`, id);
    if (row === undefined) return null;
    const seq = row[cellAt("seq")] as number;
    const attempts = this.#statements.cells(
      `select ${ATTEMPT_COLUMNS} from attempt where seq = ? order by run`,
      seq,
    );
    const last = attempts[attempts.length - 1];
    if (row[cellAt("place")] === PLACE.completed && last?.[0] !== row[cellAt("run")]) {
      // The attempt that completed a job follows from its row.
      attempts.push(
        ...this.#statements.cells(
          `select run, attempt, 'completed', started_at, finished_at, holder, worker, null, null
          from job where seq = ?`,
          seq,
        ),
      );
    }
    return { row, attempts };
  }

  #result(id: string): ReadOps["result"]["answer"] {
    const row = this.#statements.get<StoredResult>(RESULT, id);
    if (row === undefined || row.body !== null) return row?.body ?? null;
    const blob = this.#statements.get<{ sha256: string }>(
      "select sha256 from job_blob where seq = ?",
      row.seq,
    );
    if (blob !== undefined) return { sha256: blob.sha256, bytes: row.bytes };
    return hasOutputs(this.#statements, row.seq) ? { outputs: true } : null;
  }

  #bytes(sql: string, id: string): Uint8Array | null {
    return this.#statements.get<{ body: Uint8Array | null }>(sql, id)?.body ?? null;
  }
}
