/** The function of {@link ERROR_WORDS}: the words of an error as a list of JSON. */
export const WORDS_FUNCTION = "error_words";

/**
 * Writes the words of errors again that are not in ASCII, by the rule that keeps marks in words and
 * has one form for `é`. Postgres: the program writes them.
 */
export const ERROR_WORDS = `
  delete from job_word where seq in (select seq from job where error glob '*[^ -~]*');
  insert into job_word (word, seq)
    select word.value, job.seq from job, json_each(${WORDS_FUNCTION}(job.error)) as word
    where job.error glob '*[^ -~]*';
`;
