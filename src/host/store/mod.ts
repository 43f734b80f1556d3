/**
 * The choice of the stores of a host: {@link openStore} and {@link openJobStore} are the only
 * places that choose a driver. {@link StoreStatus} shows the state of the store.
 *
 * @module
 */
export { type JobStoreOptions, openJobStore } from "./open_job_store.ts";
export { type OpenedStore, openStore } from "./open_store.ts";
export { type HostStoreReport, StoreStatus } from "./store_status.ts";
