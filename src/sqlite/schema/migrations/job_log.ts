/** The logs of jobs. A job that has written no line has no row. */
export const JOB_LOG = `
  -- The length of a log. "lines" are those that are kept, "run_lines" all of the last run.
  create table job_log (
    job integer primary key,
    lines integer not null,
    bytes integer not null,
    run integer not null,
    run_lines integer not null,
    left_out integer not null
  );

  create table job_log_part (
    job integer not null,
    first integer not null,
    lines integer not null,
    run integer not null,
    body blob not null,
    primary key (job, first)
  ) without rowid;
  `;
