import { SnakedenError } from "../../../../errors.ts";
import type { OutputsOptions, StoredOutput } from "../../job_outputs.ts";
import { isFinal } from "../../job_row.ts";
import type { JobReaders } from "./job_readers.ts";

/** Yields the outputs of a job, as {@link JobOutputs.outputs} describes. */
export async function* readOutputs(
  readers: JobReaders,
  id: string,
  { after, signal, follow }: OutputsOptions & { readonly after: number },
): AsyncGenerator<StoredOutput> {
  using reader = readers.open(id, signal);
  let last = after;
  while (true) {
    signal.throwIfAborted();
    if (readers.isClosed) throw new SnakedenError("shutting_down", CLOSED);
    const { job } = reader;
    if (job === undefined) return;
    const next = job.outputs?.after(last) ?? [];
    if (next.length === 0) {
      if (isFinal(job.state) || !follow) return;
      await reader.news();
    }
    for (const output of next) {
      signal.throwIfAborted();
      last = output.seq;
      yield output;
    }
  }
}

const CLOSED = "Cannot read the outputs of a job: the store is closed";
