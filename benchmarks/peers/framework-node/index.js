/** The function of Node's functions-framework. */
export const handle = (request, response) => response.json({ hello: "world" });
