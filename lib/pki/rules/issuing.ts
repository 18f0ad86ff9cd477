import { signatureAlgorithm } from '../signature-algorithm.ts';
import { publicKeyInfoHeader } from '../subject-key.ts';
import type { SharedRule } from './rule.ts';

const version: SharedRule = (parts) =>
  parts.version === 3 ? undefined : `it is a version ${parts.version} certificate`;

const algorithm: SharedRule = (parts, { issuer }) =>
  parts.signatureAlgorithm.equals(signatureAlgorithm[issuer.signer.keyType])
    ? undefined
    : `it does not name the algorithm of a key of type ${issuer.signer.keyType}`;

/** RFC 5280 4.1.2.4: not empty; and equal, since chains are built by comparing names. */
const issuerName: SharedRule = ({ issuer: found }, { issuer }) =>
  found.length > 2 && found.equals(issuer.name) ? undefined : 'it is not the subject of the issuing CA';

/** Kind and size of the key, as it stands in the bytes (RFC 5480 2, RFC 3279 2.3.1). */
const keyType: SharedRule = ({ publicKeyInfo }, { profile, keyType: intended }) => {
  if (!profile.keyTypes.has(intended)) return `the profile "${profile.name}" does not allow ${intended}`;
  const header = publicKeyInfoHeader[intended];
  return publicKeyInfo.subarray(0, header.length).equals(header) ? undefined : `it is not a key of type ${intended}`;
};

export const issuingRules = {
  version,
  'signature-algorithm': algorithm,
  'issuer-name': issuerName,
  'key-type': keyType,
};
