import {
  type AcceptedWork,
  encodeRecord,
  PROCESS_ROW,
  type ProcessKey,
  type ProcessRow,
  type ProcessStore,
} from "../store/mod.ts";
import type { GroupCommit, Mutation } from "./group_commit.ts";
import { keys } from "./keys.ts";

const DELETES_PER_COMMIT = 500;

/** The process rows, one record each. */
export class KvProcesses implements ProcessStore {
  readonly #commits: GroupCommit;
  readonly #accepted: AcceptedWork;

  constructor(commits: GroupCommit, accepted: AcceptedWork) {
    this.#commits = commits;
    this.#accepted = accepted;
  }

  async record(row: ProcessRow): Promise<void> {
    const value = encodeRecord(PROCESS_ROW, row);
    await this.#accepted.run(
      "record a process",
      () => this.#commits.commit([{ type: "set", key: keyOf(row), value }]),
    );
  }

  async forget(rows: readonly ProcessKey[]): Promise<void> {
    await this.#accepted.run("forget processes", () => this.#forget(rows));
  }

  async #forget(rows: readonly ProcessKey[]): Promise<void> {
    const mutations = rows.map((row): Mutation => ({ type: "delete", key: keyOf(row) }));
    const commits: Promise<void>[] = [];
    // Submits all commits at once, so that a row that is recorded after this call stays.
    for (let i = 0; i < mutations.length; i += DELETES_PER_COMMIT) {
      commits.push(this.#commits.commit(mutations.slice(i, i + DELETES_PER_COMMIT)));
    }
    await Promise.all(commits);
  }
}

/**
 * Checks that a row is stored under its own key.
 *
 * @throws {Error} If it is not.
 */
export function checkRowKey(row: ProcessRow, key: Deno.KvKey): void {
  const own = keyOf(row);
  if (own.length === key.length && own.every((part, i) => part === key[i])) return;
  throw new Error(`its key should be ${own.join("/")}`);
}

function keyOf({ runId, incarnation }: ProcessKey): Deno.KvKey {
  return keys.process(runId, incarnation);
}
