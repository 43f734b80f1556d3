import { DatabaseSync } from "node:sqlite";
import { errorWords } from "../../store/jobs/job_search.ts";
import type { JobError } from "../../store/mod.ts";
import { MIGRATIONS, WORDS_FUNCTION } from "./migrations/mod.ts";

/** Pages of the log after which a commit moves it into the database: 32 MiB. */
const CHECKPOINT_PAGES = 8_192;
/** The time to wait for a program that has locked the database, such as a backup. */
const BUSY_MS = 2_000;

/**
 * Opens the database of jobs for its only writer, and brings its schema to the version of this
 * program.
 *
 * @throws {Error} If the database is of a later version, or SQLite refuses it.
 */
export function openToWrite(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: BUSY_MS });
  try {
    database.exec(`
      pragma journal_mode = wal;
      pragma synchronous = full;
      pragma wal_autocheckpoint = ${CHECKPOINT_PAGES};
      pragma journal_size_limit = ${4096 * CHECKPOINT_PAGES};
      pragma cache_size = -32768;
      pragma foreign_keys = off;
    `);
    migrate(database);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Returns facts about an open database that its operator should know. */
export function warningsOf(database: DatabaseSync): string[] {
  const warnings: string[] = [];
  const mode = valueOf(database, "pragma journal_mode");
  if (mode !== "wal") {
    warnings.push(`the file system has no shared memory: the journal mode is ${mode}, not wal`);
  }
  const synchronous = Number(valueOf(database, "pragma synchronous"));
  if (synchronous < 2) {
    warnings.push("commits do not wait for the disk: jobs can be lost when the power fails");
  }
  return warnings;
}

/** Opens the database of jobs for reading; {@link openToWrite} must have opened it before. */
export function openToRead(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: BUSY_MS, readOnly: true });
  database.exec("pragma cache_size = -16384");
  return database;
}

/** Returns the only value of the first row. */
export function valueOf(database: DatabaseSync, sql: string): unknown {
  return Object.values(database.prepare(sql).get() ?? {})[0];
}

function migrate(database: DatabaseSync): void {
  // In one transaction, so that a crash leaves the schema as it was. It also takes the lock of the
  // writer: a database that cannot be written to fails here.
  database.exec("begin immediate");
  try {
    const version = Number(valueOf(database, "pragma user_version"));
    if (version > MIGRATIONS.length) {
      throw new Error(
        `its version is ${version}, which is of a later Snakeden; allowed: at most ` +
          `${MIGRATIONS.length}; use that Snakeden, or another data directory`,
      );
    }
    if (version <= 0 && hasTables(database)) {
      throw new Error("it has tables that are not of Snakeden; use another data directory");
    }
    database.function(WORDS_FUNCTION, (error) => {
      return JSON.stringify(errorWords(JSON.parse(String(error)) as JobError));
    });
    for (const change of MIGRATIONS.slice(version)) database.exec(change);
    database.exec(`pragma user_version = ${MIGRATIONS.length}`);
    // A write of its own, so that a full disk is found here.
    database.exec(
      "insert into number (name, value) values ('time', 0), ('seq', 0) on conflict do nothing",
    );
    database.exec("update number set value = value where name = 'time'");
    database.exec("commit");
  } catch (error) {
    rollBack(database);
    throw error;
  }
}

function hasTables(database: DatabaseSync): boolean {
  return valueOf(database, "select count(*) from sqlite_schema") !== 0;
}

/** Ends a transaction without an effect; some errors have ended it already. */
export function rollBack(database: DatabaseSync): void {
  if (database.isTransaction) database.exec("rollback");
}

/** Ends a transaction that has failed. Pages are read again, since they may be what is wrong. */
export function giveUp(database: DatabaseSync): void {
  rollBack(database);
  database.exec("pragma shrink_memory");
}
