/** A compiled agent in base64, which the flavor tool puts here in a one-file build. */
export const EMBEDDED_AGENT: string | undefined = undefined;
