import { X509Certificate } from 'node:crypto';
import type { Issue } from '../errors.ts';
import type { GroupDefinition } from '../groups/definition.ts';
import { y2038CertificateIssue, y2038DateIssue } from '../groups/y2038.ts';
import { distinguishedName } from '../pki/x509.ts';
import { readConfigToml } from './config-toml.ts';
import { readConfigYaml } from './config-yaml.ts';
import { readDpsDeviceConfig } from './device-json.ts';
import { duplicateRecipients, recipientIssues } from './seal.ts';
import { configPath, configuration } from './target-files.ts';
import { type BundleOptions, id } from './targets.ts';

const day = 86_400_000;

/**
 * Why bundles could not be made for a group declared so at that moment: what its schema cannot know.
 * @param rootPem the root, where it is known already
 */
export function declarationIssues(group: GroupDefinition, at: Date, rootPem?: string): Issue[] {
  const faults: Issue[] = group.recipients.flatMap((pem, index) =>
    recipientIssues(pem, at).map((message) => ({ path: `recipients.${index}`, message })),
  );
  for (const index of duplicateRecipients(group.recipients))
    faults.push({ path: `recipients.${index}`, message: 'the same certificate as one before' });

  if (group.target === 'iotedge-1.1') {
    const end = new Date(at.getTime() + group.issuingCa.validityDays * day);
    const issuing = y2038DateIssue(end);
    if (issuing !== undefined)
      faults.push({ path: 'issuingCa.validityDays', message: `the issuing CA ${issuing}; declare a shorter life` });
    // The root is on the device only where the group brings Edge CAs, whose modules have to trust it.
    const root = group.edgeCa === 'issued' && rootPem !== undefined ? y2038CertificateIssue(rootPem) : undefined;
    if (root !== undefined)
      faults.push({ path: 'edgeCa', message: `the root ${root}; use edgeCa "daemon", or a root that ends before` });
    for (const [index, pem] of group.trustBundle.entries()) {
      const fault = y2038CertificateIssue(pem);
      if (fault !== undefined) faults.push({ path: `trustBundle.${index}`, message: `the certificate ${fault}` });
    }
  }
  return faults;
}

/** What is wrong with all bundles of a group alike. Checked once, when the group is opened, so never at the thousandth row. */
export function bundleOptionsIssues(options: BundleOptions): Issue[] {
  const { group, now } = options;
  return [
    ...chainFaults(options),
    ...group.recipients.flatMap((pem, index) =>
      recipientIssues(pem, now).map((message) => ({ path: `recipients.${index}`, message })),
    ),
    ...duplicateRecipients(group.recipients).map((index) => {
      return { path: `recipients.${index}`, message: 'the same certificate as one before' };
    }),
    ...configurationFaults(options),
  ];
}

function chainFaults({ group, chainPem, rootPem, now }: BundleOptions): Issue[] {
  const faults: Issue[] = [];
  const chain = [...chainPem, rootPem].map((pem) => new X509Certificate(pem));
  for (const [index, certificate] of chain.entries()) {
    const path = index < chainPem.length ? `chain.${index}` : 'root';
    const issuer = chain[Math.min(index + 1, chain.length - 1)];
    if (issuer === undefined || !certificate.checkIssued(issuer) || !certificate.verify(issuer.publicKey))
      faults.push({ path, message: 'not issued by the next certificate of the chain' });
    if (!certificate.ca) faults.push({ path, message: 'not a CA certificate' });
    if (now < certificate.validFromDate || now > certificate.validToDate)
      faults.push({
        path,
        message: `valid from ${certificate.validFromDate.toISOString()} to ${certificate.validToDate.toISOString()} only`,
      });
  }
  if (group.target === 'iotedge-1.1') {
    // An identity ends no later than its issuer.
    const shipped = group.edgeCa === 'issued' ? [...chainPem, rootPem, ...group.trustBundle] : chainPem;
    for (const pem of shipped) {
      const fault = y2038CertificateIssue(pem);
      if (fault !== undefined)
        faults.push({ path: 'target', message: `the certificate "${nameOf(pem)}" of the chain ${fault}` });
    }
  }
  return faults;
}

const nameOf = (pem: string) => distinguishedName(new X509Certificate(pem));

const readers = { 'config.toml': readConfigToml, 'config.yaml': readConfigYaml, 'device.json': readDpsDeviceConfig };

function configurationFaults(options: BundleOptions): Issue[] {
  const path = configPath(options.group.target);
  // Any id does: an id is a-z, 0-9, ".", "_" and "-", which mean nothing in TOML, YAML and JSON strings.
  const text = configuration(options)
    .map((part) => (typeof part === 'string' ? part : part === id ? 'a-device' : 'a device edge CA'))
    .join('');
  // Files are laid out by characters, which are octets in ASCII only.
  if (/[^\n\x20-\x7e]/.test(text)) return [{ path, message: 'holds something else than printable ASCII' }];
  const read = readers[path](text);
  return 'faults' in read ? read.faults.map((message) => ({ path, message })) : [];
}
