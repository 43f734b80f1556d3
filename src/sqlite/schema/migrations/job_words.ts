/**
 * The words of the errors of jobs, for searches. Only a job that has an error has some.
 *
 * A search for the beginning of an id, a tag or a word reads a range of an index. In Postgres the
 * columns `job.id`, `job_tag.tag` and `job_word.word` have the collation "C", so that the same
 * ranges hold there; `pg_trgm` and `tsvector` are not needed.
 */
export const JOB_WORDS = `
  create table job_word (
    seq integer not null,
    word text not null,
    primary key (seq, word)
  ) without rowid;
  create index job_word_word on job_word (word, seq);
`;
