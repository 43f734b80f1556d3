/** Version 1: jobs, their attempts and events, queues, and keys. */
export const JOBS = `
  -- The time of the store and the last seq. Postgres: clock_timestamp(), and an identity.
  create table number (name text primary key, value integer not null) without rowid;

  -- The number of jobs of a queue in a state.
  create table counter (
    queue text not null,
    place integer not null,
    jobs integer not null,
    primary key (queue, place)
  ) without rowid;

  create table queue (
    name text primary key,
    declared integer not null,
    paused integer not null,
    concurrency integer,
    override integer,
    rate_limit integer,
    rate_period integer,
    tat real not null
  ) without rowid;

  create table job (
    seq integer primary key,
    place integer not null,
    attempt integer not null,
    run integer not null,
    begun integer not null,
    event_seq integer not null,
    priority integer not null,
    max_attempts integer not null,
    created_at integer not null,
    run_at integer not null,
    start_by integer,
    id text not null,
    kind text not null,
    name text not null,
    queue text not null,
    pool text not null,
    settings text not null,
    uniq text,
    ckey text,
    rkey text,
    tags text,
    metadata text,
    options text,
    args_bytes integer not null,
    args blob,
    started_at integer,
    finished_at integer,
    remove_at integer,
    end_nonce text,
    holder text,
    worker text,
    cancel_reason text,
    error text,
    progress text,
    chunks integer,
    chunk_bytes integer,
    chunks_gone integer,
    result_bytes integer,
    result blob
  );
  create unique index job_id on job (id);
  -- With the keys, so that a claim reads them without the row.
  create index job_ready on job (pool, queue, priority desc, seq, ckey, rkey) where place = 0;
  create index job_held_ckey on job (queue, ckey, pool, priority desc, seq) where place = 1;
  create index job_held_rkey on job (queue, rkey, pool, priority desc, seq) where place = 2;
  create index job_ready_ckey on job (queue, ckey, pool) where place = 0 and ckey is not null;
  create index job_ready_rkey on job (queue, rkey, pool) where place = 0 and rkey is not null;
  create index job_due on job (run_at) where place in (3, 5);
  create index job_start_by on job (start_by)
    where start_by is not null and begun = 0 and place in (0, 1, 2, 3);
  create index job_list on job (queue, place, seq) where place not in (0, 4);
  create index job_name on job (kind, name, seq);
  create index job_remove on job (remove_at) where remove_at is not null;

  -- Arguments and results over the inline limit: changes of a job do not write them again.
  create table job_args (seq integer primary key, body blob not null);
  create table job_result (seq integer primary key, body blob not null);

  -- Jobs that run: few rows, which alone change while leases are extended.
  create table running (
    seq integer primary key,
    nonce text not null,
    lease_until integer not null,
    started_at integer not null,
    cancelling integer not null,
    holder text not null,
    worker text,
    progress text
  );

  -- Past attempts. That of a completed job follows from its row, unless its process has ended.
  create table attempt (
    seq integer not null,
    run integer not null,
    attempt integer not null,
    outcome text not null,
    started_at integer not null,
    finished_at integer not null,
    holder text not null,
    worker text,
    error text,
    exit text,
    primary key (seq, run)
  ) without rowid;

  -- Chunks, and the ends that a retry has taken back. The last end follows from the job.
  create table event (
    job integer not null,
    seq integer not null,
    at integer not null,
    run integer,
    place integer,
    body blob,
    primary key (job, seq)
  ) without rowid;

  create table job_tag (
    tag text not null,
    seq integer not null,
    primary key (tag, seq)
  ) without rowid;

  create table idempotency (
    key text primary key,
    hash text not null,
    expires_at integer not null,
    seq integer not null,
    id text not null,
    place integer not null,
    created_at integer not null,
    run_at integer not null
  ) without rowid;
  create index idempotency_expires on idempotency (expires_at);
  create index idempotency_seq on idempotency (seq);

  create table unique_key (
    key text primary key,
    seq integer not null,
    mode text not null
  ) without rowid;

  -- The limits of a key. "jobs": those that have not ended; "running": those of a concurrency that
  -- run.
  create table limit_key (
    kind text not null,
    queue text not null,
    key text not null,
    jobs integer not null,
    cap integer not null,
    period integer not null,
    running integer not null,
    tat real not null,
    next_at integer,
    primary key (kind, queue, key)
  ) without rowid;
  create index limit_key_next on limit_key (next_at) where next_at is not null and jobs > 0;
  create index limit_key_idle on limit_key (next_at) where jobs = 0;
`;
