/** Of the binary, the API and every log line. */
export const VERSION = "0.1.0";
