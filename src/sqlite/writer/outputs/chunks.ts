import type { JobFacts } from "../job_moves.ts";
import type { WriteContext } from "../write_context.ts";

interface Kept {
  readonly event_seq: number;
  readonly chunks: number | null;
  readonly chunk_bytes: number | null;
  readonly chunks_gone: number | null;
}

/** Adds chunks to the events of a job, and drops the first ones over the limits. */
export function addChunks(
  ctx: WriteContext,
  job: JobFacts,
  bodies: readonly Uint8Array[],
): void {
  const { statements, limits } = ctx;
  const kept = statements.get<Kept>(
    "select event_seq, chunks, chunk_bytes, chunks_gone from job where seq = ?",
    job.seq,
  );
  let seq = kept?.event_seq ?? 0;
  let chunks = kept?.chunks ?? 0;
  let bytes = kept?.chunk_bytes ?? 0;
  let gone = kept?.chunks_gone ?? 0;
  for (const body of bodies) {
    statements.run(
      "insert into event (job, seq, at, run, body) values (?, ?, ?, ?, ?)",
      job.seq,
      ++seq,
      ctx.now,
      job.run,
      body,
    );
    chunks++;
    bytes += body.byteLength;
  }
  while (chunks > limits.maxChunks || (bytes > limits.maxChunkBytes && chunks > 0)) {
    const first = statements.get<{ seq: number; bytes: number }>(
      `select seq, length(body) as bytes from event
      where job = ? and seq > ? and place is null order by seq limit 1`,
      job.seq,
      gone,
    );
    if (first === undefined) break;
    statements.run("delete from event where job = ? and seq = ?", job.seq, first.seq);
    chunks--;
    bytes -= first.bytes;
    gone = first.seq;
  }
  statements.run(
    "update job set event_seq = ?, chunks = ?, chunk_bytes = ?, chunks_gone = ? where seq = ?",
    seq,
    chunks,
    bytes,
    gone,
    job.seq,
  );
  ctx.isChanged = true;
}
