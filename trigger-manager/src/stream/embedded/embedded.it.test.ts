import { exerciseStream } from "../conformance/exercise.ts";
import { embeddedUnderTest } from "../conformance/embedded-under-test.ts";

exerciseStream(
  "a stream from the platform's own database",
  { restarts: false, sharesGroups: true },
  embeddedUnderTest,
);
