import type { GroupDefinition } from '../enrollment/group-definition.ts';
import type { Fault } from '../errors.ts';
import { edge11CertificateFault, edge11DateFault } from '../groups/y2038.ts';
import { duplicateRecipients, recipientFaults } from './recipients.ts';

const day = 86_400_000;

/**
 * Why bundles could not be made for a group declared so at that moment: what its schema cannot know.
 * @param rootPem the root, where it is known already
 */
export function declarationFaults(group: GroupDefinition, at: Date, rootPem?: string): Fault[] {
  const faults: Fault[] = group.recipients.flatMap((pem, index) =>
    recipientFaults(pem, at).map((message) => ({ path: `recipients.${index}`, message })),
  );
  for (const index of duplicateRecipients(group.recipients))
    faults.push({ path: `recipients.${index}`, message: 'the same certificate as one before' });

  if (group.target === 'iotedge-1.1') {
    const end = new Date(at.getTime() + group.issuingCa.validityDays * day);
    const issuing = edge11DateFault(end);
    if (issuing !== undefined)
      faults.push({ path: 'issuingCa.validityDays', message: `the issuing CA ${issuing}; declare a shorter life` });
    // The root is on the device only where the group brings Edge CAs, whose modules have to trust it.
    const root = group.edgeCa === 'issued' && rootPem !== undefined ? edge11CertificateFault(rootPem) : undefined;
    if (root !== undefined)
      faults.push({ path: 'edgeCa', message: `the root ${root}; use edgeCa "daemon", or a root that ends before` });
    for (const [index, pem] of group.trustBundle.entries()) {
      const fault = edge11CertificateFault(pem);
      if (fault !== undefined) faults.push({ path: `trustBundle.${index}`, message: `the certificate ${fault}` });
    }
  }
  return faults;
}
