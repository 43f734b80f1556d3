import { testJobs } from "../store/jobs/conformance.ts";
import { DRIVER } from "./sqlite_driver.ts";

testJobs(DRIVER);
