/**
 * Bytes of a body. A request for a certificate with an RSA key of 4096 bits has less than 3,000 as base64. The app setting
 * FUNCTIONS_REQUEST_BODY_SIZE_LIMIT of the EST server has this value, too: the host then refuses a longer body before it reads it.
 */
export const maxBodyBytes = 16 * 1024;
