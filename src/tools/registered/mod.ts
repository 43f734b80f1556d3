/**
 * Tools that workers register while they run. {@link registrationMethods} answer their requests;
 * the pool of the worker keeps the tools.
 *
 * @module
 */
export { type RegistrationDeps, registrationMethods } from "./registration_methods.ts";
