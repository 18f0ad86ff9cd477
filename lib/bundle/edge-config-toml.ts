import { type BundleOptions, bundlePaths, type DeviceText, id } from './bundle-files.ts';
import type { EdgeTarget } from './edge-targets.ts';

/*
 * /etc/aziot/config.toml of IoT Edge 1.2 and later, as edgelet/iotedge/src/config/super_config.rs of Azure/iotedge reads
 * it. The parser ignores what it does not know, and a key after a [table] belongs to that table; so the order below is
 * part of the meaning.
 */

/** Where the services read certificates and keys, with which owners: Microsoft's own recommendation. */
const certificates = 'file:///var/aziot/';

const fileUri = (path: string) => `${certificates}${path}`;

/** A basic string of TOML. Values are ASCII by their own rules; this holds whatever they are. */
const quoted = (value: string) => JSON.stringify(value).replaceAll('\u007f', '\\u007f');

export function edgeConfigToml({ group, dps }: BundleOptions, target: EdgeTarget): DeviceText {
  const { edgeCa, est, keyUri, pkcs11 } = group;
  const keyLocation = quoted(keyUri ?? fileUri(bundlePaths.identityKey));
  const certificateLocation = quoted(fileUri(bundlePaths.identityChain));
  const autoRenew =
    est === undefined
      ? ''
      : `{ rotate_key = true, threshold = ${quoted(est.threshold)}, retry = ${quoted(est.retry)} }`;
  const text: (string | { slot: 'id' | 'estEdgeCaName' })[] = [];
  const add = (...lines: (string | { slot: 'id' | 'estEdgeCaName' })[]) => text.push(...lines);

  if (edgeCa === 'issued' || group.trustBundle.length > 0)
    add(`trust_bundle_cert = ${quoted(fileUri(bundlePaths.trustBundle))}\n`);
  add(`auto_reprovisioning_mode = ${quoted(group.autoReprovisioningMode)}\n`);

  add('\n[provisioning]\nsource = "dps"\n');
  add(`global_endpoint = ${quoted(dps.globalEndpoint)}\nid_scope = ${quoted(dps.idScope)}\n`);
  add('\n[provisioning.attestation]\nmethod = "x509"\nregistration_id = "', id, '"\n');
  if (est?.identity) {
    add('\n[provisioning.attestation.identity_cert]\nmethod = "est"\ncommon_name = "', id, '"\n');
    add(`auto_renew = ${autoRenew}\n`);
  } else {
    add(`identity_cert = ${certificateLocation}\nidentity_pk = ${keyLocation}\n`);
  }

  if (est !== undefined) {
    add(`\n[cert_issuance.est]\ntrusted_certs = [${quoted(fileUri(bundlePaths.estTrust))}]\n`);
    // A certificate that EST renews takes the place of the one it began with; that one then is the bootstrap identity.
    const prefix = est.identity ? 'bootstrap_identity' : 'identity';
    add(`\n[cert_issuance.est.auth]\n${prefix}_cert = ${certificateLocation}\n${prefix}_pk = ${keyLocation}\n`);
    if (est.identity) add(`\n[cert_issuance.est.identity_auto_renew]\n${renewLines(est)}`);
    add(`\n[cert_issuance.est.urls]\ndefault = ${quoted(est.url)}\n`);
  }

  if (pkcs11 !== undefined) {
    add(`\n[aziot_keys]\npkcs11_lib_path = ${quoted(pkcs11.libraryPath)}\n`);
    if (pkcs11.baseSlot !== undefined) add(`pkcs11_base_slot = ${quoted(pkcs11.baseSlot)}\n`);
  }

  add('\n[agent]\nname = "edgeAgent"\ntype = "docker"\n');
  add(`\n[agent.config]\nimage = ${quoted(group.agentImage ?? target.agentImage)}\n`);

  if (edgeCa === 'issued')
    add(
      `\n[edge_ca]\ncert = ${quoted(fileUri(bundlePaths.edgeCaChain))}\npk = ${quoted(fileUri(bundlePaths.edgeCaKey))}\n`,
    );
  if (edgeCa === 'est') {
    add('\n[edge_ca]\nmethod = "est"\ncommon_name = "', { slot: 'estEdgeCaName' }, '"\n');
    if (target.autoRenew) add(`auto_renew = ${autoRenew}\n`);
  }
  return text;
}

const renewLines = ({ threshold, retry }: { threshold: string; retry: string }) =>
  `rotate_key = true\nthreshold = ${quoted(threshold)}\nretry = ${quoted(retry)}\n`;
