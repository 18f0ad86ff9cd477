import {
  id_ce_authorityKeyIdentifier,
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_subjectKeyIdentifier,
} from '@peculiar/asn1-x509';
import type { SharedRule } from './rule.ts';

/** Exactly the extensions of the profile, each once, critical where RFC 5280 wants it so. */
const extensionSet: SharedRule = ({ extensions }, { profile }) => {
  const expected = new Map([
    [id_ce_basicConstraints, true],
    [id_ce_keyUsage, true],
    [id_ce_subjectKeyIdentifier, false],
    [id_ce_authorityKeyIdentifier, false],
  ]);
  if (profile.extendedKeyUsage.length > 0) expected.set(id_ce_extKeyUsage, false);
  for (const { id, critical } of extensions) {
    const shouldBeCritical = expected.get(id);
    if (shouldBeCritical === undefined) return `extension ${id} is not in the profile, or there twice`;
    if (critical !== shouldBeCritical) return `extension ${id} is ${critical ? '' : 'not '}critical`;
    expected.delete(id);
  }
  const [missing] = expected.keys();
  return missing === undefined ? undefined : `extension ${missing} is missing`;
};

const caFlag: SharedRule = ({ basicConstraints }, { profile }) =>
  basicConstraints?.ca === profile.ca ? undefined : `basicConstraints must say CA:${profile.ca ? 'TRUE' : 'FALSE'}`;

const pathLength: SharedRule = ({ basicConstraints }, { profile, issuer, pathLength: intended }) => {
  const found = basicConstraints?.pathLength;
  if (found !== intended) return `the path length is ${found ?? 'absent'} and was meant to be ${intended ?? 'absent'}`;
  if (!profile.ca) return found === undefined ? undefined : 'only a CA has a path length';
  if (!profile.pathLengths.has(found)) return `the profile does not allow path length ${found ?? 'absent'}`;
  if (issuer.pathLength === undefined || (found !== undefined && found < issuer.pathLength)) return undefined;
  return `its issuer has path length ${issuer.pathLength}, which leaves no room for a CA with ${found ?? 'none'} under it`;
};

const keyUsage: SharedRule = ({ keyUsage: found }, { profile, keyType }) =>
  found === profile.keyUsage(keyType) ? undefined : `keyUsage is not what the profile gives a key of type ${keyType}`;

const extendedKeyUsage: SharedRule = ({ extendedKeyUsage: found = [] }, { profile }) =>
  found.join() === profile.extendedKeyUsage.join() ? undefined : 'extendedKeyUsage is not that of the profile';

const authorityKeyIdentifier: SharedRule = ({ authorityKeyIdentifier: found }, { issuer }) =>
  found?.equals(issuer.keyIdentifier) ? undefined : 'it is not the subjectKeyIdentifier of the issuer';

export const extensionRules = {
  'extension-set': extensionSet,
  'ca-flag': caFlag,
  'path-length': pathLength,
  'key-usage': keyUsage,
  'extended-key-usage': extendedKeyUsage,
  'authority-key-identifier': authorityKeyIdentifier,
};
