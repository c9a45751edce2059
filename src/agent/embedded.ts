/** A compiled agent in base64: the flavor tool puts one here in a build that is one file and has nothing beside it. */
export const EMBEDDED_AGENT: string | undefined = undefined;
