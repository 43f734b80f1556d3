import { randomBytes } from "node:crypto";
import { dirname } from "node:path";
import { SYSTEM_CLOCK, withDeadline } from "../../src/async/mod.ts";
import { listAside, problemOfDatabase } from "../../src/database_file.ts";
import { messageOf } from "../../src/errors.ts";
import { KvStore, StoreLock, type StoreOwner } from "../../src/kv/mod.ts";
import { type ProcessInfo, systemProcessTable } from "../../src/process/mod.ts";
import type { ProcessRow } from "../../src/store/mod.ts";
import type { Finding } from "./finding.ts";

const TIMEOUT_MS = 10_000;

/** Checks that the store is whole, and says who owns it and what is recorded in it. */
export async function storeFindings(dataDir: string): Promise<Finding[]> {
  const name = "store";
  const path = KvStore.pathIn(dataDir);
  try {
    const options = { runId: randomBytes(16).toString("hex"), patienceMs: 0 };
    const lock = await StoreLock.take(dirname(path), options);
    if (!(lock instanceof StoreLock)) return [await ownerFinding(lock.owner)];
    const aside = asideFinding(path);
    // Only reports a broken database: the next start moves it aside.
    const problem = problemOfDatabase(path);
    lock[Symbol.dispose]();
    if (problem !== undefined) return [...aside, brokenFinding(path, problem)];
    await using store = await KvStore.open({
      ...options,
      dataDir,
      windowMs: 0,
      timer: SYSTEM_CLOCK,
    });
    const report = await store.report();
    const setAside = report.setAside.map(({ key, reason, at, bytes }): Finding => ({
      name: "store record",
      state: "warning",
      text: `${key.join("/")} (${bytes} bytes) was set aside at ${at}: ${reason}`,
      mend: `it is kept in ${path} under "corrupt"; nothing else needs it`,
    }));
    return [...aside, { name, state: "ok", text: path }, ...setAside, await rowsFinding(store)];
  } catch (error) {
    return [{
      name,
      state: "error",
      text: messageOf(error),
      mend: "see docs/storage.md; is the disk full?",
    }];
  }
}

function brokenFinding(path: string, problem: string): Finding {
  return {
    name: "store",
    state: "warning",
    text: `${path} cannot be used: ${problem}`,
    mend: "keep a copy if you need what is in it; the next start moves it aside and begins anew",
  };
}

function asideFinding(path: string): Finding[] {
  return listAside(path).map((it) => ({
    name: "store",
    state: "warning",
    text: `an earlier start could not use ${it} and went on with an empty store`,
    mend: "remove it when you do not need it any more",
  }));
}

async function rowsFinding(store: KvStore): Promise<Finding> {
  const name = "processes";
  const rows = store.deadProcesses;
  if (rows.length === 0) return { name, state: "ok", text: "no run has left any" };
  const all = await processes();
  return {
    name,
    state: "warning",
    text: rows.map((row) => describe(row, all)).join("\n"),
    mend: "the next start ends and forgets them",
  };
}

function describe(row: ProcessRow, all: ReadonlyMap<number, ProcessInfo>): string {
  const { workerId, runId, pid } = row;
  const head = `${workerId} of the dead run ${runId}`;
  if (pid === undefined) return `${head}: reserved, and perhaps spawned`;
  const process = all.get(pid);
  const same = process?.startTime === row.startTime && process?.runId === runId;
  return `${head}: process ${pid}, ${same ? "which is still there" : "which is gone"}`;
}

/** A host that runs has its rows for itself; its processes can be seen by their mark. */
async function ownerFinding(owner: StoreOwner | null): Promise<Finding> {
  if (owner === null) return { name: "store", state: "ok", text: "another host has it" };
  const pids = [...(await processes()).values()].filter(({ runId }) => runId === owner.runId)
    .map(({ pid }) => pid);
  const list = pids.length === 0 ? "none" : pids.join(", ");
  return {
    name: "store",
    state: "ok",
    text:
      `process ${owner.pid} has it (run ${owner.runId}, since ${owner.since}); its workers: ${list}`,
  };
}

async function processes(): Promise<ReadonlyMap<number, ProcessInfo>> {
  return await withDeadline(TIMEOUT_MS, (signal) => systemProcessTable().all(signal));
}
