import type { Worker } from "../workers/mod.ts";

/** Removes a worker from a list; one that is not in it is ignored. */
export function removeWorker(list: Worker[], worker: Worker): void {
  // With few callers it is the last one, which costs no search and no array.
  if (list.at(-1) === worker) list.pop();
  else {
    const index = list.lastIndexOf(worker);
    if (index >= 0) list.splice(index, 1);
  }
}

/** Returns true if workers offer different tools. */
export function offerDifferentTools([first, ...others]: readonly Worker[]): boolean {
  return first !== undefined && !others.every(({ toolNames }) => toolNames.equals(first.toolNames));
}

/** Returns true if a worker offers the tool, or if none of those that serve does. */
export function mayTake(worker: Worker, tool: string, serving: readonly Worker[]): boolean {
  return worker.toolNames.has(tool) || !serving.some((it) => it.toolNames.has(tool));
}
