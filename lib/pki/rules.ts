import {
  id_ce_authorityKeyIdentifier,
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_subjectAltName,
  id_ce_subjectKeyIdentifier,
  id_kp_clientAuth,
  KeyUsageFlags,
} from '@peculiar/asn1-x509';
import { type AlternativeName, alternativeNameTag } from './alternative-name.ts';
import type { CertificateParts } from './certificate.ts';
import type { Issuer } from './issuer.ts';
import {
  type KeyType,
  keyIdentifier,
  publicKeyInfoHeader,
  rsaPublicKeyEnd,
  rsaPublicKeyStart,
  signatureAlgorithm,
} from './keys.ts';
import { extendedKeyUsageIds, keyUsageBits, type Profile } from './profiles.ts';
import { timeEncodingOf } from './time.ts';
import { maxCommonNameLength } from './x509.ts';

/** A certificate as it was meant to be, independently of its bytes. */
export interface Intent {
  readonly profile: Profile;
  readonly issuer: Issuer;
  readonly keyType: KeyType;
  readonly pathLength: number | undefined;
  readonly serialNumber: string;
  readonly commonName: string;
  /** Undefined: it has none. */
  readonly alternativeName: AlternativeName | undefined;
  readonly notAfter: Date;
  readonly now: Date;
}

/** The parts in which certificates of one template differ, and the begin of their validity. */
export type VaryingParts = Pick<
  CertificateParts,
  'serialNumber' | 'commonName' | 'alternativeName' | 'publicKey' | 'subjectKeyIdentifier' | 'notBefore' | 'notAfter'
>;
export type VaryingIntent = Omit<Intent, 'pathLength'>;

/*
 * A rule reads the bytes that are to be signed, and returns a fault or undefined. Its name is its key in `perTemplate` or
 * `perCertificate`; error messages begin with the name, and docs/certificates.md lists it.
 */

type TemplateRule = (parts: CertificateParts, intent: Intent) => string | undefined;
type CertificateRule = (parts: VaryingParts, intent: VaryingIntent) => string | undefined;

const version: TemplateRule = (parts) =>
  parts.version === 3 ? undefined : `it is a version ${parts.version} certificate`;

const algorithm: TemplateRule = (parts, { issuer }) =>
  parts.signatureAlgorithm.equals(signatureAlgorithm[issuer.signer.keyType].der)
    ? undefined
    : `it does not name the algorithm of a key of type ${issuer.signer.keyType}`;

/** RFC 5280 4.1.2.4: not empty. Equal, since verifiers build chains by comparing names. */
const issuerName: TemplateRule = ({ issuer: found }, { issuer }) =>
  found.length > 2 && found.equals(issuer.name) ? undefined : 'it is not the subject of the issuing CA';

/** Kind and size of the key, read from the bytes (RFC 5480 2, RFC 3279 2.3.1). */
const keyType: TemplateRule = ({ publicKeyInfo }, { profile, keyType: intended }) => {
  if (!profile.keyTypes.includes(intended)) return `the profile "${profile.name}" does not allow ${intended}`;
  const header = publicKeyInfoHeader[intended];
  return publicKeyInfo.subarray(0, header.length).equals(header) ? undefined : `it is not a key of type ${intended}`;
};

const hour = 60 * 60 * 1000;
const day = 24 * hour;

/** RFC 5280 4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050. */
const timeEncoding: CertificateRule = (parts) => {
  for (const { date, encoding } of [parts.notBefore, parts.notAfter]) {
    const right = timeEncodingOf(date);
    if (encoding !== right) return `${date.toISOString()} is written as ${encoding} and not as ${right}`;
  }
  return undefined;
};

const validityWithinProfile: CertificateRule = ({ notBefore, notAfter }, { profile, now }) => {
  const longest = profile.maxValidityDays * day + profile.backdateHours * hour;
  const span = notAfter.date.getTime() - notBefore.date.getTime();
  if (span > longest)
    return `it is valid for ${Math.ceil(span / day)} days, and ${profile.maxValidityDays} are allowed`;
  if (span <= 0 || notAfter.date.getTime() <= now.getTime())
    return `it ends on ${notAfter.date.toISOString()}, which is before it is used`;
  return undefined;
};

const validityWithinIssuer: CertificateRule = ({ notBefore, notAfter }, { issuer }) => {
  if (notAfter.date.getTime() > issuer.notAfter.getTime())
    return `it ends after its issuer, ${issuer.notAfter.toISOString()}`;
  if (notBefore.date.getTime() < issuer.notBefore.getTime())
    return `it begins before its issuer, ${issuer.notBefore.toISOString()}`;
  return undefined;
};

const backdating: CertificateRule = ({ notBefore }, { profile, now }) => {
  const backdated = now.getTime() - notBefore.date.getTime();
  if (backdated < 0) return `it begins in the future, ${notBefore.date.toISOString()}`;
  // Times in certificates have whole seconds, rounded down.
  if (backdated >= profile.backdateHours * hour + 1000)
    return `it begins ${Math.round(backdated / hour)} hours back, and ${profile.backdateHours} are allowed`;
  return undefined;
};

/** The ends of a batch are spread (spread.ts): each certificate has its own. */
const validityEnd: CertificateRule = ({ notAfter }, { notAfter: intended }) =>
  notAfter.date.getTime() === intended.getTime()
    ? undefined
    : `it ends on ${notAfter.date.toISOString()} and was meant to end on ${intended.toISOString()}`;

/** Exactly the extensions of the profile, each once, and critical if RFC 5280 wants it so. */
const extensionSet: TemplateRule = ({ extensions }, { profile, alternativeName }) => {
  const expected = new Map([
    [id_ce_basicConstraints, true],
    [id_ce_keyUsage, true],
    [id_ce_subjectKeyIdentifier, false],
    [id_ce_authorityKeyIdentifier, false],
  ]);
  if (profile.extendedKeyUsage.length > 0) expected.set(id_ce_extKeyUsage, false);
  // Not critical, since the subject has a name too (RFC 5280 4.2.1.6).
  if (profile.alternativeName && alternativeName !== undefined) expected.set(id_ce_subjectAltName, false);
  for (const { id, critical } of extensions) {
    const shouldBeCritical = expected.get(id);
    if (shouldBeCritical === undefined) return `extension ${id} is not in the profile, or there twice`;
    if (critical !== shouldBeCritical) return `extension ${id} is ${critical ? '' : 'not '}critical`;
    expected.delete(id);
  }
  const [missing] = expected.keys();
  return missing === undefined ? undefined : `extension ${missing} is missing`;
};

const caFlag: TemplateRule = ({ basicConstraints }, { profile }) =>
  basicConstraints?.ca === profile.ca ? undefined : `basicConstraints must say CA:${profile.ca ? 'TRUE' : 'FALSE'}`;

const pathLength: TemplateRule = ({ basicConstraints }, { profile, issuer, pathLength: intended }) => {
  const found = basicConstraints?.pathLength;
  if (found !== intended) return `the path length is ${found ?? 'absent'} and was meant to be ${intended ?? 'absent'}`;
  if (!profile.ca) return found === undefined ? undefined : 'only a CA has a path length';
  if (!profile.pathLengths.includes(found)) return `the profile does not allow path length ${found ?? 'absent'}`;
  if (issuer.pathLength === undefined || (found !== undefined && found < issuer.pathLength)) return undefined;
  return `its issuer has path length ${issuer.pathLength}, which leaves no room for a CA with ${found ?? 'none'} under it`;
};

const keyUsage: TemplateRule = ({ keyUsage: found }, { profile }) =>
  found === keyUsageBits(profile) ? undefined : 'keyUsage is not that of the profile';

const extendedKeyUsage: TemplateRule = ({ extendedKeyUsage: found = [] }, { profile }) =>
  found.join() === extendedKeyUsageIds(profile).join() ? undefined : 'extendedKeyUsage is not that of the profile';

/** Bits of KeyUsage that a purpose is consistent with (RFC 5280 4.2.1.12). A key with another bit is for something else too. */
const usagesOfPurpose: Readonly<Record<string, number>> = {
  [id_kp_clientAuth]: KeyUsageFlags.digitalSignature | KeyUsageFlags.keyAgreement,
};

/** RFC 5280 4.2.1.12: the key may be used for purposes that both extensions allow, so each bit has to serve each purpose. */
const usageAndPurpose: TemplateRule = ({ keyUsage: found = 0, extendedKeyUsage: purposes = [] }) => {
  const other = purposes.find((purpose) => (found & ~(usagesOfPurpose[purpose] ?? 0)) !== 0);
  return other === undefined ? undefined : `keyUsage has bits that the purpose ${other} is not consistent with`;
};

const authorityKeyIdentifier: TemplateRule = ({ authorityKeyIdentifier: found }, { issuer }) =>
  found?.equals(issuer.keyIdentifier) ? undefined : 'it is not the subjectKeyIdentifier of the issuer';

/** RFC 5280 4.1.2.2: positive. Ours have 16 octets: they cannot be guessed, and all of them fit into one template. */
const serialNumber: CertificateRule = ({ serialNumber: found }, intent) => {
  const first = found[0] ?? 0;
  if (found.length !== 16) return `it has ${found.length} octets and not 16`;
  if (first === 0 || first > 0x7f) return 'it is not positive, or begins with an octet of zeros';
  return found.toString('hex') === intent.serialNumber.toLowerCase()
    ? undefined
    : 'it is not the one that was reserved';
};

const subjectName: CertificateRule = ({ commonName }, { profile, commonName: intended }) => {
  if (commonName === undefined) return 'the subject is not one common name';
  const text = commonName.toString('utf8');
  if (text !== intended) return 'the subject is not the one that was asked for';
  if (text.length > maxCommonNameLength)
    return `the common name has ${text.length} characters, and ${maxCommonNameLength} are allowed`;
  return profile.commonName.test(text) ? undefined : `the common name is not ${profile.commonNameExpected}`;
};

const subjectAlternativeName: CertificateRule = ({ alternativeName: found }, { alternativeName: intended }) => {
  if (found === undefined && intended === undefined) return undefined;
  if (found === undefined || intended === undefined)
    return `it is ${found === undefined ? 'missing, or not one name' : 'not asked for'}`;
  const isSame = found.tag === alternativeNameTag[intended.form] && found.content.toString('latin1') === intended.text;
  return isSame ? undefined : 'it is not the one that was asked for';
};

const pointLength = { 'ec-p256': 65, 'ec-p384': 97 };

/** An uncompressed point of the curve's size, or a modulus of full length, odd, with exponent 65537. */
const keyStrength: CertificateRule = ({ publicKey }, { keyType }) => {
  if (keyType === 'ec-p256' || keyType === 'ec-p384') {
    const isPoint = publicKey.length === pointLength[keyType] && publicKey[0] === 4;
    return isPoint ? undefined : 'it is not an uncompressed point';
  }
  const start = rsaPublicKeyStart[keyType];
  if (publicKey.compare(start, 0, start.length, 0, start.length) !== 0) return 'its modulus has another length';
  if (((publicKey[start.length] ?? 0) & 0x80) === 0) return 'its modulus is shorter than it should be';
  if (((publicKey[publicKey.length - rsaPublicKeyEnd.length - 1] ?? 0) & 1) === 0) return 'its modulus is even';
  return publicKey.subarray(-rsaPublicKeyEnd.length).equals(rsaPublicKeyEnd) ? undefined : 'its exponent is not 65537';
};

/** RFC 5280 4.2.1.2, method 1, computed from the key in the certificate. */
const subjectKeyIdentifier: CertificateRule = ({ publicKey, subjectKeyIdentifier: found }) =>
  found?.equals(keyIdentifier(publicKey)) ? undefined : 'it is not the SHA-1 of the public key';

/** Rules on all that certificates of one template have in common; checked on the template only. */
export const perTemplate = {
  version,
  'signature-algorithm': algorithm,
  'issuer-name': issuerName,
  'key-type': keyType,
  'extension-set': extensionSet,
  'ca-flag': caFlag,
  'path-length': pathLength,
  'key-usage': keyUsage,
  'extended-key-usage': extendedKeyUsage,
  'usage-and-purpose': usageAndPurpose,
  'authority-key-identifier': authorityKeyIdentifier,
};

/** Rules on the parts in which certificates of one template differ. They run on each certificate, so they have to be fast. */
export const perCertificate = {
  'time-encoding': timeEncoding,
  'validity-within-profile': validityWithinProfile,
  'validity-within-issuer': validityWithinIssuer,
  backdating,
  'validity-end': validityEnd,
  'serial-number': serialNumber,
  'subject-name': subjectName,
  'subject-alternative-name': subjectAlternativeName,
  'key-strength': keyStrength,
  'subject-key-identifier': subjectKeyIdentifier,
};
