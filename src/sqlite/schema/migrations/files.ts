/**
 * Files. `uses` is the number of kept jobs that name a file; `job` is the one that made it. The
 * totals are numbers, so that no question counts the rows.
 */
export const FILES = `
  create table file (
    seq integer primary key,
    id text not null,
    name text not null,
    media_type text,
    bytes integer not null,
    sha256 text not null,
    created_at integer not null,
    expires_at integer,
    job integer,
    uses integer not null
  );
  create unique index file_id on file (id);
  create index file_job on file (job, seq) where job is not null;
  create index file_expires on file (expires_at) where expires_at is not null and uses = 0;

  create table job_file (
    job integer not null,
    file integer not null,
    primary key (job, file)
  ) without rowid;
  create index job_file_file on job_file (file, job);

  insert into number (name, value) values ('files', 0), ('file_bytes', 0);
`;
