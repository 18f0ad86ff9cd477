import { FleetError } from '../errors.ts';

/** How the subject alternative name of an identity is made from the id of its device (RFC 5280 4.2.1.6). */
export type AlternativeNameForm = 'dns' | 'uri';

/** A subject alternative name: one name, ASCII. */
export interface AlternativeName {
  readonly form: AlternativeNameForm;
  readonly text: string;
}

/** How the identities of a group get theirs. */
export interface AlternativeNames {
  readonly form: AlternativeNameForm;
  /** Id of the group, which a URI names. */
  readonly group: string;
}

/** Tag of each form in GeneralName: context-specific, primitive, IA5String (RFC 5280 4.2.1.6). */
export const alternativeNameTag: Readonly<Record<AlternativeNameForm, number>> = { dns: 0x82, uri: 0x86 };

/** A label of a host name (RFC 1123 2.1), at most 63 octets (RFC 1035 2.3.4). */
const label = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * Whether a device id is a host name, which a DNS name of a certificate has to be (RFC 5280 4.2.1.6). Verifiers refuse a chain in
 * which it is not.
 */
export function isHostName(deviceId: string): boolean {
  return deviceId.split('.').every((part) => label.test(part));
}

/**
 * @example
 * alternativeNameOf({ form: 'uri', group: 'line7' }, 'gw-1') // { form: 'uri', text: 'urn:fleet:line7:gw-1' }
 * @returns undefined for an id that cannot be a name of that form
 */
export function alternativeNameOf({ form, group }: AlternativeNames, deviceId: string): AlternativeName | undefined {
  if (form === 'uri') return { form, text: `urn:fleet:${group}:${deviceId}` };
  return isHostName(deviceId) ? { form, text: deviceId } : undefined;
}

/** @throws FleetError `device-id-invalid` when the id cannot be a name of that form */
export function alternativeNameOfRow(names: AlternativeNames, deviceId: string): AlternativeName {
  const name = alternativeNameOf(names, deviceId);
  if (name !== undefined) return name;
  const reason = `The id is not a host name, and subjectAltName "dns" of group "${names.group}" puts it into the certificate as one.`;
  const expected = 'labels of a-z, 0-9 and "-" joined by dots; or a group with subjectAltName "uri"';
  const message = `${reason} Expected ${expected}.`;
  throw new FleetError('device-id-invalid', message, { column: 'deviceId', expected });
}
