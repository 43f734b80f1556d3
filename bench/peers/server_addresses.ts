/** The name of the socket of Redis, in the folder of its server. */
export const REDIS_SOCKET = "redis.sock";
/** The database of PostgreSQL and its user, who needs no password. */
export const DATABASE = { database: "postgres", user: "bench" } as const;
