/**
 * Queues that drain, and queues that share their slots by a key.
 *
 * `rank` goes before `seq` among the jobs of a priority; it is 0 in queues without a key. An empty
 * `fair_by` means that jobs with a rank are left, and that there is no key any more. Postgres has
 * the same tables and indexes.
 */
export const FAIR_QUEUES = `
  alter table queue add column draining integer not null default 0;
  alter table queue add column fair_by text;
  alter table job add column rank integer not null default 0;

  drop index job_ready;
  create index job_ready on job (pool, queue, priority desc, rank, seq, ckey, rkey)
    where place = 0;
  drop index job_held_ckey;
  create index job_held_ckey on job (queue, ckey, pool, priority desc, rank, seq)
    where place = 1;
  drop index job_held_rkey;
  create index job_held_rkey on job (queue, rkey, pool, priority desc, rank, seq)
    where place = 2;
  -- Jobs with a rank, in the order of a list.
  create index job_ranked on job (queue, place, seq) where rank > 0 and place < 6;

  -- The rank of the last start in a queue, a pool and a priority.
  create table fair_lane (
    queue text not null,
    pool text not null,
    priority integer not null,
    rank integer not null,
    primary key (queue, pool, priority)
  ) without rowid;

  -- The rank of the last job of a key, while it is above that of its lane.
  create table fair_key (
    queue text not null,
    pool text not null,
    priority integer not null,
    key text not null,
    rank integer not null,
    primary key (queue, pool, priority, key)
  ) without rowid;
  create index fair_key_rank on fair_key (queue, pool, priority, rank);
`;
