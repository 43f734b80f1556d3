import { throwIfAny } from "./placement.ts";
import type { PoolName, ProbedHost, WorkerReport } from "./probed_host.ts";

/** The host of the workers that are replaced. */
type Replacing = Pick<ProbedHost, "reports" | "replaceAll" | "killAll">;

/**
 * Replaces and kills all workers of the pool `stop`, again and again. Checks that each new worker
 * is on the device of its slot, and that no earlier worker of the slot was alive when it began.
 *
 * @throws If not, with all differences.
 */
export async function checkStopFirst(host: Replacing, rounds: number): Promise<string> {
  const problems: string[] = [];
  let before = await host.reports("stop");
  let [replaced, killed] = [0, 0];
  for (let round = 0; round < rounds; round++) {
    for (const action of ["replace", "kill"] as const) {
      await (action === "replace" ? host.replaceAll("stop") : host.killAll("stop"));
      const after = await host.reports("stop");
      problems.push(...movedWorkers(before, after), ...metPredecessors(after));
      if (action === "replace") replaced += after.length;
      else killed += after.length;
      before = after;
    }
  }
  throwIfAny(problems);
  return `${replaced} replaced and ${killed} killed workers: each device stayed, and no slot had ` +
    "two processes";
}

/**
 * Replaces the workers of the pool `start`, whose successors start while their predecessors still
 * serve. So the check of {@link checkStopFirst} can be seen to notice two processes.
 *
 * @throws If no successor has met its predecessor, or one is on another device.
 */
export async function checkStartFirst(host: Replacing): Promise<string> {
  const pool: PoolName = "start";
  const before = await host.reports(pool);
  await host.replaceAll(pool);
  const after = await host.reports(pool);
  throwIfAny(movedWorkers(before, after));
  const lonely = after.filter(({ alive }) => alive.length === 0);
  throwIfAny(lonely.map(({ worker }) => `the successor ${worker} has not met its predecessor`));
  return `${after.length} successors started beside their predecessors, as start_first says, on ` +
    "the same devices";
}

function movedWorkers(
  before: readonly WorkerReport[],
  after: readonly WorkerReport[],
): string[] {
  return before.flatMap(({ worker, device, pid }) => {
    const successor = after.find((it) => it.worker === worker);
    if (successor === undefined) return [`${worker} has no successor`];
    if (successor.pid === pid) return [`${worker} was not replaced`];
    const { id } = successor.device;
    return id === device.id ? [] : [`${worker} moved from ${device.id} to ${id}`];
  });
}

function metPredecessors(reports: readonly WorkerReport[]): string[] {
  return reports.filter(({ alive }) => alive.length > 0).map(({ worker, device, alive }) =>
    `${worker} began on ${device.id} while ${alive.join(", ")} was still there`
  );
}
