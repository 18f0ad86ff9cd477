import { type CertificateResponse, IotDpsClient } from '@azure/arm-deviceprovisioningservices';
import type { TokenCredential } from '@azure/identity';
import type { CaRegistry, RegisteredCa } from '../enrollment/ca-registration.ts';
import { FleetError } from '../errors.ts';
import { calling, statusOf } from './service-errors.ts';

/** Where Azure Resource Manager keeps a provisioning service. */
export interface DpsResource {
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  readonly name: string;
}

export interface DpsCertificatesOptions {
  readonly resource: DpsResource;
  readonly credential: TokenCredential;
  /** Of Azure Resource Manager; a stand-in's, or that of a sovereign cloud. */
  readonly endpoint?: string;
  /** How often the SDK itself tries again. Default: 3, the SDK's. */
  readonly maxRetries?: number;
}

const service = 'Azure Resource Manager';
const resourceId =
  /^\/subscriptions\/([0-9a-f-]{36})\/resourceGroups\/([^/]{1,90})\/providers\/Microsoft\.Devices\/provisioningServices\/([^/]{3,64})$/i;

/** Reads `/subscriptions/…/provisioningServices/NAME`. @throws FleetError `request-invalid` */
export function parseDpsResourceId(text: string): DpsResource {
  const [, subscriptionId = '', resourceGroup = '', name = ''] = resourceId.exec(text) ?? [];
  if (name !== '') return { subscriptionId, resourceGroup, name };
  const expected = '/subscriptions/<id>/resourceGroups/<name>/providers/Microsoft.Devices/provisioningServices/<name>';
  throw new FleetError('request-invalid', `This is no resource id of a provisioning service; expected ${expected}.`);
}

/**
 * CA certificates of a DPS instance, through @azure/arm-deviceprovisioningservices. Not a part of the deployed app, whose
 * identity has no rights on the management side: operators run it (npm run ca).
 */
export function createDpsCertificates({
  resource,
  credential,
  endpoint,
  maxRetries = 3,
}: DpsCertificatesOptions): CaRegistry {
  const { resourceGroup, name: dps } = resource;
  const options = { retryOptions: { maxRetries }, ...(endpoint === undefined ? {} : { endpoint }) };
  const { dpsCertificate } = new IotDpsClient(credential, resource.subscriptionId, options);

  async function manage<T>(what: string, work: () => Promise<T>): Promise<T> {
    try {
      return await calling(service, work);
    } catch (error) {
      if (error instanceof FleetError) throw error;
      const status = statusOf(error);
      // 409 and 412: another etag than the one we saw. 404 of a certificate that was there: somebody deleted it.
      if (status === 409 || status === 412 || status === 404) {
        throw new FleetError('concurrent-change', `${what}: the certificate changed meanwhile.`, { cause: error });
      }
      if (status === undefined) throw error;
      throw new FleetError('ca-refused', `${what}: HTTP ${status} ${answerOf(error)}`, { cause: error });
    }
  }

  return {
    async list() {
      const { value = [] } = await manage('DPS lists no CA certificates', () =>
        dpsCertificate.list(resourceGroup, dps),
      );
      return value.map(toRegisteredCa);
    },

    async upload(name, certificatePem, { vouched, known }) {
      const properties = { certificate: Buffer.from(certificatePem), ...(vouched ? { isVerified: true } : {}) };
      const ifMatch = known === undefined ? {} : { ifMatch: known.etag };
      return toRegisteredCa(
        await manage(`DPS refuses CA certificate "${name}"`, () =>
          dpsCertificate.createOrUpdate(resourceGroup, dps, name, { properties }, ifMatch),
        ),
      );
    },

    async verificationCode(ca) {
      const answer = await manage(`DPS gives no code for "${ca.name}"`, () =>
        dpsCertificate.generateVerificationCode(ca.name, ca.etag, resourceGroup, dps),
      );
      const code = answer.properties?.verificationCode;
      if (code === undefined) throw new FleetError('unavailable', `${service} answered without a verification code.`);
      return { code, ca: { ...ca, etag: answer.etag ?? ca.etag } };
    },

    async verify(ca, proofPem) {
      const request = { certificate: Buffer.from(proofPem).toString('base64') };
      return toRegisteredCa(
        await manage(`DPS refuses the proof for "${ca.name}"`, () =>
          dpsCertificate.verifyCertificate(ca.name, ca.etag, resourceGroup, dps, request),
        ),
      );
    },
  };
}

function toRegisteredCa({ name = '', etag = '', properties = {} }: CertificateResponse): RegisteredCa {
  const { thumbprint = '', isVerified = false } = properties;
  return { name, etag, isVerified, sha1Thumbprint: thumbprint.toUpperCase() };
}

/** The service's own words. */
function answerOf(error: unknown): string {
  return error instanceof Error ? error.message.slice(0, 300) : '';
}
