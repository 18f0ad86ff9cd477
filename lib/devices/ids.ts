/**
 * Device ids that every service accepts: the intersection of DPS registration ids, IoT Hub device ids, common names of
 * certificates (64 characters, RFC 5280 upper bound ub-common-name) and host names. DPS compares ids without case, IoT Hub
 * with case; therefore upper case is refused and not converted.
 * https://learn.microsoft.com/azure/iot-dps/concepts-service, https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-identity-registry
 */
export const deviceId = /^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$/;

/** The rule in words, for error messages. */
export const idRule = '1 to 64 of a-z, 0-9, "-", "." and "_", beginning and ending with a letter or digit';

/** The same rule holds for enrollment group ids: folders, CA common names and keys are named after groups. */
export const enrollmentGroupId = deviceId;

/**
 * The group or device id that was probably meant: the text in lower case and without white space.
 * @returns undefined when that is the text itself, or is not an id either
 */
export function idMeantBy(text: string): string | undefined {
  const meant = text.slice(0, 100).toLowerCase().replace(/\s+/g, '');
  return meant !== text && deviceId.test(meant) ? meant : undefined;
}
