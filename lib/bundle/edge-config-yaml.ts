import { type BundleOptions, bundlePaths, type DeviceText, id } from './bundle-files.ts';
import type { EdgeTarget } from './edge-targets.ts';

/*
 * /etc/iotedge/config.yaml of IoT Edge 1.1, as edgelet/edgelet-core/src/settings.rs of Azure/iotedge 1.1.15 reads it:
 * two spaces a level, top-level keys at the first column.
 */

const directory = 'file:///etc/iotedge/';

const fileUri = (path: string) => `${directory}${path}`;

/** A double-quoted scalar; YAML takes any JSON string as one. */
const quoted = (value: string) => JSON.stringify(value);

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
    `    identity_cert: ${quoted(fileUri(bundlePaths.identityChain))}\n`,
    `    identity_pk: ${quoted(keyUri ?? fileUri(bundlePaths.identityKey))}\n`,
    // 1.1 knows the modes of 1.2 as two switches; absent, the first would be true.
    `  always_reprovision_on_startup: ${mode === 'AlwaysOnStartup'}\n`,
    `  dynamic_reprovisioning: ${mode === 'Dynamic'}\n`,
  ];
  if (group.edgeCa === 'issued') {
    text.push(
      'certificates:\n',
      `  device_ca_cert: ${quoted(fileUri(bundlePaths.edgeCaChain))}\n`,
      `  device_ca_pk: ${quoted(fileUri(bundlePaths.edgeCaKey))}\n`,
      `  trusted_ca_certs: ${quoted(fileUri(bundlePaths.trustBundle))}\n`,
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
    // 1.1 wants a host name, and no two devices of a group may share it.
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
