import type { KeyType } from '../key-type.ts';
import { keyIdentifier } from '../subject-key.ts';
import type { OwnRule } from './rule.ts';

/** RFC 5280 4.1.2.2: positive; ours are 16 octets, so that they are unguessable and templates fit. */
const serialNumber: OwnRule = ({ serialNumber: found }, intent) => {
  const first = found[0] ?? 0;
  if (found.length !== 16) return `it has ${found.length} octets and not 16`;
  if (first === 0 || first > 0x7f) return 'it is not positive, or begins with an octet of zeros';
  return found.toString('hex') === intent.serialNumber.toLowerCase()
    ? undefined
    : 'it is not the one that was reserved';
};

/** ub-common-name of RFC 5280, in characters. */
const longestCommonName = 64;

const subjectName: OwnRule = ({ commonName }, { profile, commonName: intended }) => {
  if (commonName === undefined) return 'the subject is not one common name';
  const text = commonName.toString('utf8');
  if (text !== intended) return 'the subject is not the one that was asked for';
  if (text.length > longestCommonName) return `the common name has ${text.length} characters, and 64 are allowed`;
  return profile.commonName.test(text) ? undefined : `the common name is not ${profile.commonNameExpected}`;
};

const rsaStart: Partial<Record<KeyType, Buffer>> = {
  'rsa-2048': Buffer.from('3082010a0282010100', 'hex'),
  'rsa-4096': Buffer.from('3082020a0282020100', 'hex'),
};
const rsaEnd = Buffer.from('0203010001', 'hex');
const pointLength: Partial<Record<KeyType, number>> = { 'ec-p256': 65, 'ec-p384': 97 };

/** An uncompressed point of the curve's size, or a modulus of full length, odd, with exponent 65537. */
const keyStrength: OwnRule = ({ publicKey }, { keyType }) => {
  const length = pointLength[keyType];
  if (length !== undefined)
    return publicKey.length === length && publicKey[0] === 4 ? undefined : 'it is not an uncompressed point';
  const start = rsaStart[keyType];
  if (start === undefined || publicKey.compare(start, 0, start.length, 0, start.length) !== 0)
    return 'its modulus has another length';
  if (((publicKey[start.length] ?? 0) & 0x80) === 0) return 'its modulus is shorter than it should be';
  if (((publicKey[publicKey.length - rsaEnd.length - 1] ?? 0) & 1) === 0) return 'its modulus is even';
  return publicKey.subarray(-rsaEnd.length).equals(rsaEnd) ? undefined : 'its exponent is not 65537';
};

/** RFC 5280 4.2.1.2, method 1, of the very octets that stand in the certificate. */
const subjectKeyIdentifier: OwnRule = ({ publicKey, subjectKeyIdentifier: found }) =>
  found?.equals(keyIdentifier(publicKey)) ? undefined : 'it is not the SHA-1 of the public key';

export const ownRules = {
  'serial-number': serialNumber,
  'subject-name': subjectName,
  'key-strength': keyStrength,
  'subject-key-identifier': subjectKeyIdentifier,
};
