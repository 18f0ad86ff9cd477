/**
 * Bytes of a body. A request for a certificate with an RSA key of 4096 bits has less than 3,000 as base64. The app setting
 * FUNCTIONS_REQUEST_BODY_SIZE_LIMIT of the EST server has twice this value: the host answers 500 without a body to what is longer than
 * that, before the app sees it.
 */
export const maxBodyBytes = 16 * 1024;
