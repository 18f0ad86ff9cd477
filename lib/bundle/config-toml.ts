import { parse, TomlError } from 'smol-toml';
import * as z from 'zod';
import { type BundleOptions, bundlePaths, type DeviceText, type EdgeTarget, id } from './targets.ts';

/*
 * /etc/aziot/config.toml of IoT Edge 1.2 and later, as edgelet/iotedge/src/config/super_config.rs of Azure/iotedge reads
 * it. The parser ignores what it does not know, and a key after a [table] belongs to that table; so the order below is
 * part of the meaning.
 */

/** Where the services read certificates and keys, with which owners: Microsoft's own recommendation. */
const certificates = 'file:///var/aziot/';

const installedUri = (path: string) => `${certificates}${path}`;

/** A basic string of TOML. Values are ASCII by their own rules; this holds whatever they are. */
const quoted = (value: string) => JSON.stringify(value).replaceAll('\u007f', '\\u007f');

export function edgeConfigToml({ group, dps }: BundleOptions, target: EdgeTarget): DeviceText {
  const { edgeCa, est, keyUri, pkcs11 } = group;
  const keyLocation = quoted(keyUri ?? installedUri(bundlePaths.identityKey));
  const certificateLocation = quoted(installedUri(bundlePaths.identityChain));
  const autoRenew =
    est === undefined
      ? ''
      : `{ rotate_key = true, threshold = ${quoted(est.threshold)}, retry = ${quoted(est.retry)} }`;
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
    add(`auto_renew = ${autoRenew}\n`);
  } else {
    add(`identity_cert = ${certificateLocation}\nidentity_pk = ${keyLocation}\n`);
  }

  if (est !== undefined) {
    add(`\n[cert_issuance.est]\ntrusted_certs = [${quoted(installedUri(bundlePaths.estTrust))}]\n`);
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
      `\n[edge_ca]\ncert = ${quoted(installedUri(bundlePaths.edgeCaChain))}\npk = ${quoted(installedUri(bundlePaths.edgeCaKey))}\n`,
    );
  if (edgeCa === 'est') {
    add('\n[edge_ca]\nmethod = "est"\ncommon_name = "', { slot: 'estEdgeCaName' }, '"\n');
    if (target.autoRenew) add(`auto_renew = ${autoRenew}\n`);
  }
  return text;
}

const renewLines = ({ threshold, retry }: { threshold: string; retry: string }) =>
  `rotate_key = true\nthreshold = ${quoted(threshold)}\nretry = ${quoted(retry)}\n`;

/*
 * /etc/aziot/config.toml as the daemon's own parser takes it, written from its structs: edgelet/iotedge/src/config/
 * super_config.rs and edgelet/edgelet-settings of Azure/iotedge; aziotctl-common/src/config/super_config.rs,
 * aziot-certd-config, aziot-identityd-config and cert-renewal of Azure/iot-identity-service. In one thing it is stricter
 * on purpose: serde ignores keys that it does not know, so that a misplaced or misspelt one is lost without a word; here
 * it is a fault.
 */

const url = z.string().refine(URL.canParse, 'a URL');
const fileUri = url.refine((value) => value.startsWith('file:///'), 'a file:/// URI');
/** PreloadedKeyLocation of aziot-keys-common. */
const keyUri = z.string().regex(/^(?:file:\/\/\/|pkcs11:)/, 'a file:/// or pkcs11: URI');
const texts = z.record(z.string(), z.string());
const natural = z.int().min(0);

/** Policy of cert-renewal/src/policy.rs: percent of the life from 1 to 99, minutes or days before its end. */
const renewalPolicy = z.string().regex(/^(?:0*[1-9]\d?%|0*[1-9]\d*(?:min|day))$/, '"N%" (1 to 99), "Nmin" or "Nday"');
const autoRenew = z.strictObject({
  rotate_key: z.boolean(),
  threshold: renewalPolicy,
  retry: renewalPolicy,
});

/** humantime, as in "7d" or "1h 30m". */
const duration = z.string().regex(/^\s*\d+\s*[a-zA-Z]+(?:\s*\d+\s*[a-zA-Z]+)*\s*$/, 'a duration such as "7d"');

const basicAuth = { username: z.string(), password: z.string() };
const identityAuth = { identity_cert: fileUri, identity_pk: keyUri };
const bootstrapAuth = { bootstrap_identity_cert: fileUri, bootstrap_identity_pk: keyUri };

const estAuth = z.union([
  z.strictObject(basicAuth),
  z.strictObject(identityAuth),
  z.strictObject(bootstrapAuth),
  z.strictObject({ ...basicAuth, ...identityAuth }),
  z.strictObject({ ...basicAuth, ...bootstrapAuth }),
]);

/** CertIssuanceOptions: a method and whom the certificate is for. */
const issuance = {
  common_name: z.string().min(1).optional(),
  subject: texts.optional(),
  expiry_days: z.int().min(1).optional(),
  auto_renew: autoRenew.optional(),
};
const est = { method: z.literal('est'), url: url.optional(), ...issuance };
const issued = z.union([
  z.strictObject(est),
  z.strictObject({ ...est, ...basicAuth }),
  z.strictObject({ ...est, ...identityAuth }),
  z.strictObject({ ...est, ...bootstrapAuth }),
  z.strictObject({ ...est, ...basicAuth, ...identityAuth }),
  z.strictObject({ ...est, ...basicAuth, ...bootstrapAuth }),
  z.strictObject({ method: z.enum(['local_ca', 'self_signed']), ...issuance }),
]);

const symmetricKey = z.union([z.strictObject({ value: z.base64() }), z.strictObject({ uri: keyUri })]);

const attestation = z.union([
  z.strictObject({
    method: z.literal('x509'),
    registration_id: z.string().optional(),
    identity_cert: fileUri,
    identity_pk: keyUri,
  }),
  z.strictObject({ method: z.literal('x509'), registration_id: z.string().optional(), identity_cert: issued }),
  z.strictObject({ method: z.literal('symmetric_key'), registration_id: z.string(), symmetric_key: symmetricKey }),
  z.strictObject({ method: z.literal('tpm'), registration_id: z.string() }),
]);

const authentication = z.union([
  z.strictObject({ method: z.literal('sas'), device_id_pk: symmetricKey }),
  z.strictObject({ method: z.literal('x509'), identity_cert: fileUri, identity_pk: keyUri }),
  z.strictObject({ method: z.literal('x509'), identity_cert: issued }),
]);

const provisioning = z.union([
  z.strictObject({
    source: z.literal('dps'),
    global_endpoint: url,
    id_scope: z.string().min(1),
    payload: z.strictObject({ uri: fileUri }).optional(),
    attestation,
  }),
  z.strictObject({ source: z.literal('manual'), connection_string: z.string() }),
  z.strictObject({
    source: z.literal('manual'),
    iothub_hostname: z.string(),
    device_id: z.string(),
    authentication,
  }),
  z.strictObject({ source: z.literal('none') }),
]);

const sockets = z.strictObject({
  workload_uri: url.optional(),
  management_uri: url.optional(),
  min_tls_version: z.string().optional(),
});

const schema = z
  .strictObject({
    hostname: z.string().optional(),
    parent_hostname: z.string().optional(),
    local_gateway_hostname: z.string().optional(),
    trust_bundle_cert: fileUri.optional(),
    manifest_trust_bundle_cert: fileUri.optional(),
    allow_elevated_docker_permissions: z.boolean().optional(),
    auto_reprovisioning_mode: z.enum(['Dynamic', 'AlwaysOnStartup', 'OnErrorOnly']).optional(),
    imported_master_encryption_key: z.string().optional(),
    /** Less is refused since 1.5 (deserialize_cloud_timeout of aziot-identityd-config). */
    cloud_timeout_sec: z.int().min(70).optional(),
    cloud_retries: natural.optional(),
    prefer_module_identity_cache: z.boolean().optional(),
    aziot_max_requests: z.record(z.string(), natural).optional(),
    iotedge_max_requests: z.strictObject({ management: natural.optional(), workload: natural.optional() }).optional(),
    additional_info: texts.optional(),
    image_garbage_collection: z
      .strictObject({
        enabled: z.boolean().optional(),
        cleanup_recurrence: duration.optional(),
        image_age_cleanup_threshold: duration.optional(),
        cleanup_time: z
          .string()
          .regex(/^\d\d:\d\d$/, 'HH:MM')
          .optional(),
      })
      .optional(),
    provisioning,
    localid: z.strictObject({ domain: z.string() }).optional(),
    aziot_keys: texts.optional(),
    preloaded_keys: z.record(z.string(), keyUri).optional(),
    preloaded_certs: z.record(z.string(), z.union([fileUri, z.array(z.string())])).optional(),
    cert_issuance: z
      .strictObject({
        est: z
          .strictObject({
            trusted_certs: z.array(fileUri).optional(),
            auth: estAuth.optional(),
            identity_auto_renew: autoRenew.optional(),
            urls: z.record(z.string(), url),
          })
          .optional(),
        local_ca: z.union([z.strictObject({ cert: issued }), z.strictObject({ cert: fileUri, pk: keyUri })]).optional(),
      })
      .optional(),
    tpm: z
      .strictObject({
        tcti: z.string().optional(),
        auth_key_index: z.union([z.string(), natural]).optional(),
        hierarchy_authorization: z
          .strictObject({ endorsement: z.string().optional(), owner: z.string().optional() })
          .optional(),
      })
      .optional(),
    agent: z
      .strictObject({
        name: z.string().min(1),
        type: z.string().min(1),
        imagePullPolicy: z.enum(['on-create', 'never']).optional(),
        config: z.strictObject({
          image: z.string().min(1),
          imageHash: z.string().optional(),
          createOptions: z.record(z.string(), z.unknown()).optional(),
          digest: z.string().optional(),
          auth: texts.optional(),
        }),
        env: texts.optional(),
      })
      .optional(),
    connect: sockets.omit({ min_tls_version: true }).optional(),
    listen: sockets.optional(),
    watchdog: z.strictObject({ max_retries: z.union([z.literal('infinite'), z.int().min(1)]).optional() }).optional(),
    edge_ca: z
      .union([
        issued,
        z.strictObject({ cert: fileUri, pk: keyUri }),
        z.strictObject({
          auto_generated_edge_ca_expiry_days: z.int().min(1),
          subject: texts.optional(),
          auto_renew: autoRenew.optional(),
        }),
      ])
      .optional(),
    moby_runtime: z
      .strictObject({
        uri: url.optional(),
        network: z.union([z.string(), z.record(z.string(), z.unknown())]).optional(),
        content_trust: z.strictObject({ ca_certs: z.record(z.string(), fileUri).optional() }).optional(),
      })
      .optional(),
  })
  .check(({ value, issues }) => {
    const parent = value.parent_hostname ?? value.local_gateway_hostname;
    if (parent !== undefined && value.provisioning.source === 'dps') {
      const message = 'DPS provisioning is not supported in nested mode';
      issues.push({ code: 'custom', message, path: ['parent_hostname'], input: parent });
    }
  });

type ConfigToml = z.output<typeof schema>;

/** Reads a config.toml. @returns the configuration, or every fault of it, each with its path */
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

/** Of several shapes the one that fits best: it has the fewest faults. */
function describe(issue: z.core.$ZodIssue, above: readonly PropertyKey[] = []): string[] {
  const path = [...above, ...issue.path];
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    const [nearest = []] = [...issue.errors].sort((a, b) => weight(a) - weight(b));
    return nearest.flatMap((inner) => describe(inner, path));
  }
  return [`${path.join('.') || '(top level)'}: ${issue.message}`];
}

/** A discriminator that differs outweighs the rest: the other shape was meant. */
function weight(issues: readonly z.core.$ZodIssue[]): number {
  return issues.reduce((sum, issue) => sum + (['method', 'source'].includes(String(issue.path[0])) ? 10 : 1), 0);
}
