/**
 * Ids that every service on the way accepts: the intersection of DPS registration ids, IoT Hub device ids, the common
 * name of a certificate (64 characters, RFC 5280 upper bound ub-common-name) and a host name.
 * DPS compares ids without case and IoT Hub with it, so upper case is refused rather than folded.
 * https://learn.microsoft.com/azure/iot-dps/concepts-service, https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-identity-registry
 */
export const deviceId = /^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$/;

/** The rule as people read it. */
export const idRule = '1 to 64 of a-z, 0-9, "-", "." and "_", beginning and ending with a letter or digit';

/** Enrollment group ids obey the same rule: one is also the name of a folder, a CA's common name and a key. */
export const enrollmentGroupId = deviceId;
