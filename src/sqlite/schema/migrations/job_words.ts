/**
 * The words of the errors of jobs, for searches. Only a job that has an error has some.
 * They follow from its error: a change of that rule must write them again.
 *
 * A search for the beginning of an id, a tag or a word reads a range of an index. In Postgres the
 * columns `job.id`, `job_tag.tag` and `job_word.word` have the collation "C", so that the same
 * ranges hold there; `pg_trgm` and `tsvector` are not needed.
 */
export const JOB_WORDS = `
  create table job_word (
    word text not null,
    seq integer not null,
    primary key (word, seq)
  ) without rowid;
`;
