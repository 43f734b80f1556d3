/** Names of blobs. */
export const BLOBS = `
  -- The number of names of a blob, of all tables. One without names has no row.
  create table blob (sha256 text primary key, names integer not null) without rowid;

  -- Results that are blobs; result_bytes of the job is their length.
  create table job_blob (seq integer primary key, sha256 text not null);
`;
