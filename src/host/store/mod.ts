/**
 * The choice of the stores of a host: {@link openStore}, {@link openJobStore} and
 * {@link openBlobs} are the only places that choose a driver. {@link StoreStatus} shows the state
 * of the store.
 *
 * @module
 */
export { openBlobs } from "./open_blobs.ts";
export { hasJobsAside, type JobStoreOptions, openJobStore } from "./open_job_store.ts";
export { type OpenedStore, openStore } from "./open_store.ts";
export { type HostStoreReport, StoreStatus } from "./store_status.ts";
