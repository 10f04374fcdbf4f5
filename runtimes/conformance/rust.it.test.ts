import { languages } from "./languages.ts";
import { conformance } from "./suites/all.ts";

conformance(languages.rust);
