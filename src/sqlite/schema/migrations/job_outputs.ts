/** The outputs of jobs that work through many items. */
export const JOB_OUTPUTS = `
  -- What is known of the outputs of a job; the positions of parts behind "gone" go on from "last".
  create table job_outputs (
    job integer primary key,
    last integer not null,
    gone integer not null,
    bytes integer not null,
    checkpoint text
  );

  -- The parts: as bytes, or as a blob that is named here.
  create table job_output (
    job integer not null,
    seq integer not null,
    items integer not null,
    bytes integer not null,
    sha256 text,
    body blob,
    primary key (job, seq)
  );
  `;
