import { X509Certificate } from 'node:crypto';
import type { Issue } from '../errors.ts';
import type { GroupDefinition } from '../groups/definition.ts';
import { y2038CertificateIssue, y2038DateIssue } from '../groups/y2038.ts';
import { configuration } from './bundle-files.ts';
import { readConfigToml } from './config-toml.ts';
import { readConfigYaml } from './config-yaml.ts';
import { readDpsDeviceConfig } from './device-json.ts';
import { duplicateRecipients, recipientIssues } from './seal.ts';
import { type BundleOptions, configPath, id } from './targets.ts';

const day = 86_400_000;

/**
 * Finds why no bundle of a group could work: everything that the schema of its definition cannot know, because it depends
 * on the date or on the CAs. Run when the group is declared, and again when it is opened for issuing.
 *
 * @param cas the CA certificates that bundles hold, PEM, as far as they exist: the CA that signs identities with what is
 *   between it and the root, nearest first, and the root
 * @returns an issue for every fault, with the path of the setting to change
 * @example
 * checkGroup(group, new Date()) // at its first declaration: it has no issuing CA yet
 * checkGroup(group, new Date(), { chainPem: [issuingCaPem], rootPem })
 */
export function checkGroup(
  group: GroupDefinition,
  at: Date,
  { chainPem, rootPem }: { readonly chainPem?: readonly string[]; readonly rootPem?: string } = {},
): Issue[] {
  const issues: Issue[] = [];
  if (chainPem !== undefined && rootPem !== undefined) issues.push(...chainIssues(chainPem, rootPem, at));
  issues.push(...recipientsIssues(group.recipients, at));
  if (group.target === 'iotedge-1.1') issues.push(...y2038Issues(group, at, chainPem, rootPem));
  return issues;
}

function chainIssues(chainPem: readonly string[], rootPem: string, at: Date): Issue[] {
  const issues: Issue[] = [];
  const chain = [...chainPem, rootPem].map((pem) => new X509Certificate(pem));
  for (const [index, certificate] of chain.entries()) {
    const path = index < chainPem.length ? `chain.${index}` : 'root';
    const issuer = chain[Math.min(index + 1, chain.length - 1)];
    if (issuer === undefined || !certificate.checkIssued(issuer) || !certificate.verify(issuer.publicKey))
      issues.push({ path, message: 'not issued by the next certificate of the chain' });
    if (!certificate.ca) issues.push({ path, message: 'not a CA certificate' });
    const { validFromDate, validToDate } = certificate;
    if (at < validFromDate || at > validToDate)
      issues.push({ path, message: `valid from ${validFromDate.toISOString()} to ${validToDate.toISOString()} only` });
  }
  return issues;
}

function recipientsIssues(recipients: readonly string[], at: Date): Issue[] {
  const issues = recipients.flatMap((pem, index) =>
    recipientIssues(pem, at).map((message) => ({ path: `recipients.${index}`, message })),
  );
  const duplicates = duplicateRecipients(recipients).map((index) => {
    return { path: `recipients.${index}`, message: 'the same certificate as one before it' };
  });
  return [...issues, ...duplicates];
}

/** The certificates that IoT Edge 1.1 could not read. An identity ends no later than its issuing CA. */
function y2038Issues(group: GroupDefinition, at: Date, chainPem?: readonly string[], rootPem?: string): Issue[] {
  const issues: Issue[] = [];
  // Before there is an issuing CA, the definition says how long it will live.
  if (chainPem === undefined) {
    const issue = y2038DateIssue(new Date(at.getTime() + group.issuingCa.validityDays * day));
    if (issue !== undefined)
      issues.push({ path: 'issuingCa.validityDays', message: `the issuing CA ${issue}; declare a shorter life` });
  }
  for (const pem of chainPem ?? []) {
    const issue = y2038CertificateIssue(pem);
    if (issue !== undefined)
      issues.push({ path: 'target', message: `the certificate "${subjectOf(pem)}" of the chain ${issue}` });
  }
  // A bundle holds the root only with an issued Edge CA, whose modules must trust it.
  if (group.edgeCa === 'issued' && rootPem !== undefined) {
    const issue = y2038CertificateIssue(rootPem);
    if (issue !== undefined) {
      const advice = `use edgeCa "daemon", or replace "${subjectOf(rootPem)}" by a root that ends before 2038`;
      issues.push({ path: 'edgeCa', message: `the root ${issue}; ${advice}` });
    }
  }
  for (const [index, pem] of group.trustBundle.entries()) {
    const issue = y2038CertificateIssue(pem);
    if (issue !== undefined) issues.push({ path: `trustBundle.${index}`, message: `the certificate ${issue}` });
  }
  return issues;
}

const subjectOf = (pem: string) => new X509Certificate(pem).subject.replaceAll('\n', ', ');

const readers = { 'config.toml': readConfigToml, 'config.yaml': readConfigYaml, 'device.json': readDpsDeviceConfig };

/**
 * Finds what the device could not read in the configuration of a group: values come from the definition and from settings
 * of this app, and no schema of theirs knows every rule of the daemon.
 */
export function checkConfiguration(options: BundleOptions): Issue[] {
  const path = configPath(options.group.target);
  // Any id will do: an id has a-z, 0-9, ".", "_" and "-" only, which mean nothing in TOML, YAML and JSON strings.
  const text = configuration(options)
    .map((part) => (typeof part === 'string' ? part : part === id ? 'a-device' : 'a device edge CA'))
    .join('');
  // The template is laid out by characters; only in ASCII are those octets.
  if (/[^\n\x20-\x7e]/.test(text)) return [{ path, message: 'holds a character that is not printable ASCII' }];
  const read = readers[path](text);
  return 'faults' in read ? read.faults.map((message) => ({ path, message })) : [];
}
