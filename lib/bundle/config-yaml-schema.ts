import { parse, YAMLParseError } from 'yaml';
import * as z from 'zod';

/*
 * /etc/iotedge/config.yaml as edgelet/edgelet-core/src/settings.rs of Azure/iotedge 1.1.15 reads it, for DPS with X.509.
 * A key that it would ignore is a fault here.
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
    .union([
      z.strictObject({ device_ca_cert: z.string(), device_ca_pk: z.string(), trusted_ca_certs: z.string() }),
      z.strictObject({ auto_generated_ca_lifetime_days: z.int().min(1) }),
    ])
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
  moby_runtime: z.strictObject({ uri: url, network: z.string().optional() }),
});

type ConfigYaml = z.output<typeof schema>;

/** Reads a config.yaml of 1.1. @returns the configuration, or every fault of it, each with its path */
export function readConfigYaml(text: string): { config: ConfigYaml } | { faults: string[] } {
  const faults: string[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    const indent = /^[ \t]*/.exec(line)?.[0] ?? '';
    if (indent.includes('\t') || indent.length % 2 > 0) faults.push(`line ${index + 1}: indent by two spaces a level`);
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
