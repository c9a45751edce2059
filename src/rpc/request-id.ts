/** An id by which a client knows its request again: visible ASCII, at most 128 characters. */
export const REQUEST_ID = /^[\x21-\x7e]{1,128}$/;
