/** The organisation of a function on its author's machine. */
export const ORG = "dev";
