import { parse, YAMLParseError } from 'yaml';
import * as z from 'zod';
import { type BundleOptions, bundlePaths, type DeviceText, type EdgeTarget, id } from './targets.ts';

/*
 * /etc/iotedge/config.yaml of IoT Edge 1.1, as edgelet/edgelet-core/src/settings.rs of Azure/iotedge 1.1.15 reads it:
 * two spaces per level, top-level keys in the first column.
 */

/** The URI of a file of the bundle once it is installed. */
const installedUri = (path: string) => `file:///etc/iotedge/${path}`;

/** A double-quoted scalar. Any JSON string is one in YAML. */
const quoted = (value: string) => JSON.stringify(value);

/** The config.yaml of a group, with slots for the values of each device. */
export function edgeConfigYaml({ group, dps }: BundleOptions, target: EdgeTarget): DeviceText {
  const { autoReprovisioningMode: mode, keyUri } = group;
  const text: (string | typeof id)[] = [
    'provisioning:\n',
    '  source: "dps"\n',
    `  global_endpoint: ${quoted(dps.globalEndpoint)}\n`,
    `  scope_id: ${quoted(dps.idScope)}\n`,
    '  attestation:\n',
    '    method: "x509"\n',
    '    registration_id: "',
    id,
    '"\n',
    `    identity_cert: ${quoted(installedUri(bundlePaths.identityChain))}\n`,
    `    identity_pk: ${quoted(keyUri ?? installedUri(bundlePaths.identityKey))}\n`,
    // 1.1 has two switches for the modes of 1.2. The first would be true if it were absent.
    `  always_reprovision_on_startup: ${mode === 'AlwaysOnStartup'}\n`,
    `  dynamic_reprovisioning: ${mode === 'Dynamic'}\n`,
  ];
  if (group.edgeCa === 'issued') {
    text.push(
      'certificates:\n',
      `  device_ca_cert: ${quoted(installedUri(bundlePaths.edgeCaChain))}\n`,
      `  device_ca_pk: ${quoted(installedUri(bundlePaths.edgeCaKey))}\n`,
      `  trusted_ca_certs: ${quoted(installedUri(bundlePaths.trustBundle))}\n`,
    );
  }
  text.push(
    'agent:\n',
    '  name: "edgeAgent"\n',
    '  type: "docker"\n',
    '  env: {}\n',
    '  config:\n',
    `    image: ${quoted(group.agentImage ?? target.agentImage)}\n`,
    '    auth: {}\n',
    // 1.1 needs a host name, which must be different for every device.
    'hostname: "',
    id,
    '"\n',
    'connect:\n',
    '  management_uri: "unix:///var/run/iotedge/mgmt.sock"\n',
    '  workload_uri: "unix:///var/run/iotedge/workload.sock"\n',
    'listen:\n',
    '  management_uri: "fd://iotedge.mgmt.socket"\n',
    '  workload_uri: "fd://iotedge.socket"\n',
    'homedir: "/var/lib/iotedge"\n',
    'moby_runtime:\n',
    '  uri: "unix:///var/run/docker.sock"\n',
  );
  return text;
}

/*
 * The parts of config.yaml that `edgeConfigYaml` writes, as edgelet/edgelet-core/src/settings.rs of Azure/iotedge 1.1.15
 * reads them. The daemon ignores keys that it does not know. Here any other key is an error.
 */

const url = z.string().refine(URL.canParse, 'a URL');
const fileUri = z.string().regex(/^file:\/\/\//, 'a file:/// URI');
const sockets = z.strictObject({ management_uri: url, workload_uri: url });

const schema = z.strictObject({
  provisioning: z.strictObject({
    source: z.literal('dps'),
    global_endpoint: url,
    scope_id: z.string().min(1),
    attestation: z.strictObject({
      method: z.literal('x509'),
      registration_id: z.string().optional(),
      identity_cert: fileUri,
      identity_pk: fileUri,
    }),
    always_reprovision_on_startup: z.boolean().optional(),
    dynamic_reprovisioning: z.boolean().optional(),
  }),
  certificates: z
    .strictObject({ device_ca_cert: z.string(), device_ca_pk: z.string(), trusted_ca_certs: z.string() })
    .optional(),
  agent: z.strictObject({
    name: z.string().min(1),
    type: z.literal('docker'),
    env: z.record(z.string(), z.string()),
    config: z.strictObject({ image: z.string().min(1), auth: z.record(z.string(), z.string()) }),
  }),
  hostname: z.string().regex(/^[a-zA-Z0-9_\-.]+$/, 'a host name'),
  connect: sockets,
  listen: sockets,
  homedir: z.string(),
  moby_runtime: z.strictObject({ uri: url }),
});

type ConfigYaml = z.output<typeof schema>;

/** Reads a config.yaml of 1.1. @returns the configuration, or every fault with its path */
export function readConfigYaml(text: string): { config: ConfigYaml } | { faults: string[] } {
  const faults: string[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    const indent = /^[ \t]*/.exec(line)?.[0] ?? '';
    if (indent.includes('\t') || indent.length % 2 > 0)
      faults.push(`line ${index + 1}: indent by two spaces per level`);
  }
  if (faults.length > 0) return { faults };
  let document: unknown;
  try {
    document = parse(text);
  } catch (error) {
    if (!(error instanceof YAMLParseError)) throw error;
    return { faults: [`line ${error.linePos?.[0].line ?? 1}: not YAML`] };
  }
  const parsed = schema.safeParse(document);
  if (parsed.success) return { config: parsed.data };
  return { faults: parsed.error.issues.map(({ path, message }) => `${path.join('.') || '(top level)'}: ${message}`) };
}
