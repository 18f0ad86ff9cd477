import { parse, TomlError } from 'smol-toml';
import * as z from 'zod';
import { fleetEst } from '../groups/definition.ts';
import { type BundleOptions, bundlePaths, type DeviceText, type EdgeTarget, estBaseUrl, id } from './targets.ts';

/*
 * /etc/aziot/config.toml of IoT Edge 1.2 and later, as edgelet/iotedge/src/config/super_config.rs of Azure/iotedge reads
 * it. The order below matters: a key after a [table] belongs to that table, and the parser ignores keys that it does not
 * know.
 */

/**
 * The URI of a file of the bundle once it is installed. The directory is Microsoft's recommendation
 * (learn.microsoft.com/azure/iot-edge/how-to-manage-device-certificates).
 */
const installedUri = (path: string) => `file:///var/aziot/${path}`;

/** A basic string of TOML, also for values that are not ASCII. */
const quoted = (value: string) => JSON.stringify(value).replaceAll('\u007f', '\\u007f');

/** The config.toml of a group, with slots for the values of each device. */
export function edgeConfigToml(options: BundleOptions, target: EdgeTarget): DeviceText {
  const { group, dps } = options;
  const { edgeCa, est, keyUri, pkcs11 } = group;
  const keyLocation = quoted(keyUri ?? installedUri(bundlePaths.identityKey));
  const certificateLocation = quoted(installedUri(bundlePaths.identityChain));
  const text: (string | { slot: 'id' | 'estEdgeCaName' })[] = [];
  const add = (...lines: (string | { slot: 'id' | 'estEdgeCaName' })[]) => text.push(...lines);

  if (edgeCa === 'issued' || group.trustBundle.length > 0)
    add(`trust_bundle_cert = ${quoted(installedUri(bundlePaths.trustBundle))}\n`);
  add(`auto_reprovisioning_mode = ${quoted(group.autoReprovisioningMode)}\n`);

  add('\n[provisioning]\nsource = "dps"\n');
  add(`global_endpoint = ${quoted(dps.globalEndpoint)}\nid_scope = ${quoted(dps.idScope)}\n`);
  add('\n[provisioning.attestation]\nmethod = "x509"\nregistration_id = "', id, '"\n');
  if (est?.identity) {
    add('\n[provisioning.attestation.identity_cert]\nmethod = "est"\ncommon_name = "', id, '"\n');
    add(`auto_renew = ${renewTable(est.threshold, est.retry)}\n`);
  } else {
    add(`identity_cert = ${certificateLocation}\nidentity_pk = ${keyLocation}\n`);
  }

  if (est !== undefined) {
    add(`\n[cert_issuance.est]\ntrusted_certs = [${quoted(installedUri(bundlePaths.estTrust))}]\n`);
    // The daemon renews the identity by EST and starts with the one of the bundle, the bootstrap identity.
    const prefix = est.identity ? 'bootstrap_identity' : 'identity';
    add(`\n[cert_issuance.est.auth]\n${prefix}_cert = ${certificateLocation}\n${prefix}_pk = ${keyLocation}\n`);
    if (est.identity) add(`\n[cert_issuance.est.identity_auto_renew]\n${renewLines(est)}`);
    add(`\n[cert_issuance.est.urls]\ndefault = ${quoted(estUrl(options))}\n`);
  }

  if (pkcs11 !== undefined) {
    add(`\n[aziot_keys]\npkcs11_lib_path = ${quoted(pkcs11.libraryPath)}\n`);
    if (pkcs11.baseSlot !== undefined) add(`pkcs11_base_slot = ${quoted(pkcs11.baseSlot)}\n`);
  }

  add('\n[agent]\nname = "edgeAgent"\ntype = "docker"\n');
  add(`\n[agent.config]\nimage = ${quoted(group.agentImage ?? target.agentImage)}\n`);

  if (edgeCa === 'issued')
    add(
      `\n[edge_ca]\ncert = ${quoted(installedUri(bundlePaths.edgeCaChain))}\npk = ${quoted(installedUri(bundlePaths.edgeCaKey))}\n`,
    );
  if (edgeCa === 'est') {
    add('\n[edge_ca]\nmethod = "est"\ncommon_name = "', { slot: 'estEdgeCaName' }, '"\n');
    if (target.autoRenew && est !== undefined)
      add(`auto_renew = ${renewTable(est.edgeCaThreshold, est.edgeCaRetry)}\n`);
  }
  return text;
}

const renewTable = (threshold: string, retry: string) =>
  `{ rotate_key = true, threshold = ${quoted(threshold)}, retry = ${quoted(retry)} }`;

/** The base URL of the EST server of the group. Declaring a group refuses "fleet" where the deployment has no such server. */
function estUrl({ group, estServer, caGeneration = 1 }: BundleOptions): string {
  const { est, id: groupId } = group;
  if (est === undefined || est.url !== fleetEst) return est?.url ?? '';
  return estServer === undefined ? '' : estBaseUrl(estServer.url, groupId, caGeneration);
}

const renewLines = ({ threshold, retry }: { threshold: string; retry: string }) =>
  `rotate_key = true\nthreshold = ${quoted(threshold)}\nretry = ${quoted(retry)}\n`;

/*
 * The parts of config.toml that `edgeConfigToml` writes, as the daemon's parser takes them. Taken from its structs:
 * edgelet/iotedge/src/config/super_config.rs and edgelet/edgelet-settings of Azure/iotedge;
 * aziotctl-common/src/config/super_config.rs, aziot-certd-config, aziot-identityd-config and cert-renewal of
 * Azure/iot-identity-service. One thing is stricter on purpose: the daemon ignores keys that it does not know, so it would
 * lose a misplaced or misspelt key without an error. Here any other key is an error.
 */

const url = z.string().refine(URL.canParse, 'a URL');
const fileUri = url.refine((value) => value.startsWith('file:///'), 'a file:/// URI');
/** PreloadedKeyLocation of aziot-keys-common. */
const keyUri = z.string().regex(/^(?:file:\/\/\/|pkcs11:)/, 'a file:/// or pkcs11: URI');

/** Policy of cert-renewal/src/policy.rs: percent of the life from 1 to 99, minutes or days before its end. */
const renewalPolicy = z.string().regex(/^(?:0*[1-9]\d?%|0*[1-9]\d*(?:min|day))$/, '"N%" (1 to 99), "Nmin" or "Nday"');
const autoRenew = z.strictObject({ rotate_key: z.boolean(), threshold: renewalPolicy, retry: renewalPolicy });

/** CertIssuanceOptions by EST: the name of the certificate, and whether the daemon renews it. */
const issuedByEst = z.strictObject({
  method: z.literal('est'),
  common_name: z.string().min(1).optional(),
  auto_renew: autoRenew.optional(),
});

/** With a key pair and certificate in files, or with a certificate that the EST server issues. */
const attestation = z.union([
  z.strictObject({
    method: z.literal('x509'),
    registration_id: z.string().optional(),
    identity_cert: fileUri,
    identity_pk: keyUri,
  }),
  z.strictObject({ method: z.literal('x509'), registration_id: z.string().optional(), identity_cert: issuedByEst }),
]);

const estAuth = z.union([
  z.strictObject({ identity_cert: fileUri, identity_pk: keyUri }),
  z.strictObject({ bootstrap_identity_cert: fileUri, bootstrap_identity_pk: keyUri }),
]);

const schema = z.strictObject({
  trust_bundle_cert: fileUri.optional(),
  auto_reprovisioning_mode: z.enum(['Dynamic', 'AlwaysOnStartup', 'OnErrorOnly']).optional(),
  provisioning: z.strictObject({
    source: z.literal('dps'),
    global_endpoint: url,
    id_scope: z.string().min(1),
    attestation,
  }),
  cert_issuance: z
    .strictObject({
      est: z.strictObject({
        trusted_certs: z.array(fileUri),
        auth: estAuth,
        identity_auto_renew: autoRenew.optional(),
        urls: z.strictObject({ default: url }),
      }),
    })
    .optional(),
  aziot_keys: z.strictObject({ pkcs11_lib_path: z.string(), pkcs11_base_slot: z.string().optional() }).optional(),
  agent: z
    .strictObject({
      name: z.string().min(1),
      type: z.string().min(1),
      config: z.strictObject({ image: z.string().min(1) }),
    })
    .optional(),
  edge_ca: z.union([issuedByEst, z.strictObject({ cert: fileUri, pk: keyUri })]).optional(),
});

type ConfigToml = z.output<typeof schema>;

/** Reads a config.toml. @returns the configuration, or every fault with its path */
export function readConfigToml(text: string): { config: ConfigToml } | { faults: string[] } {
  let document: unknown;
  try {
    document = parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    return { faults: [`line ${error.line}: not TOML`] };
  }
  const parsed = schema.safeParse(document);
  if (parsed.success) return { config: parsed.data };
  return { faults: parsed.error.issues.flatMap((issue) => describe(issue)) };
}

/** The faults of an issue. Of a union they are those of the shape that fits best: the one with the fewest. */
function describe(issue: z.core.$ZodIssue, above: readonly PropertyKey[] = []): string[] {
  const path = [...above, ...issue.path];
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    const [nearest = []] = issue.errors.toSorted((a, b) => weight(a) - weight(b));
    return nearest.flatMap((inner) => describe(inner, path));
  }
  return [`${path.join('.') || '(top level)'}: ${issue.message}`];
}

/** Another `method` outweighs everything else: the other shape was meant. */
function weight(issues: readonly z.core.$ZodIssue[]): number {
  return issues.reduce((sum, issue) => sum + (issue.path[0] === 'method' ? 10 : 1), 0);
}
