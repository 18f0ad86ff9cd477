import { z } from 'zod';
import type { Answer, Call, Route } from '../http/server.ts';
import type { Settings } from '../options.ts';
import { checkWrite, etagMatches, newEtag } from '../record-metadata.ts';
import { type Certificate, decodeCertificate, parseCertificate, validityFault } from '../x509.ts';
import type { CaCertificate, CaCertificates } from './ca-certificates.ts';
import { armError, resourceIdOf, resourcePath } from './resource.ts';

export interface CertificateRouteParts {
  readonly cas: CaCertificates;
  readonly authorize: (call: Call) => void;
  readonly settings: Pick<Settings, 'quotas' | 'now' | 'random'>;
}

/** The body is flat before api-version 2022-02-05 and nested since then. Both are accepted for every version. */
const flat = z.object({ certificate: z.string(), isVerified: z.boolean().nullish() });
const upload = z.union([z.object({ properties: flat }).transform((body) => body.properties), flat]);
const verification = z.object({ certificate: z.string() });

const nameSyntax = /^[A-Za-z0-9._-]{1,64}$/;

/** CA certificates: https://learn.microsoft.com/rest/api/iot-dps/dps-certificate */
export function certificateRoutes({
  cas,
  authorize,
  settings: { quotas, now, random },
}: CertificateRouteParts): Route[] {
  const byName = `${resourcePath}/certificates/{name}`;

  function existing(call: Call): CaCertificate {
    const name = call.parameters['name'] ?? '';
    const ca = cas.get(name);
    if (!ca) throw armError(404, 'ResourceNotFound', `There is no certificate "${name}".`);
    return ca;
  }

  function expected(call: Call): CaCertificate {
    const ca = existing(call);
    const ifMatch = call.header('if-match');
    if (ifMatch === undefined) throw armError(400, 'BadRequest', 'This operation needs an If-Match header.');
    if (!etagMatches(ifMatch, ca.etag)) throw armError(412, 'PreconditionFailed', 'The certificate has another etag.');
    return ca;
  }

  function save(ca: CaCertificate): CaCertificate {
    const changed = { ...ca, etag: newEtag(random), updated: now().toISOString() };
    cas.put(changed);
    return changed;
  }

  const guarded = (handle: (call: Call) => Answer) => (call: Call) => {
    authorize(call);
    return handle(call);
  };

  return [
    {
      method: 'GET',
      path: `${resourcePath}/certificates`,
      handle: guarded((call) => ({ status: 200, body: { value: cas.list().map((ca) => show(ca, call)) } })),
    },
    { method: 'GET', path: byName, handle: guarded((call) => ({ status: 200, body: show(existing(call), call) })) },
    {
      method: 'PUT',
      path: byName,
      handle: guarded((call) => {
        const name = call.parameters['name'] ?? '';
        if (!nameSyntax.test(name))
          throw armError(400, 'BadRequest', 'A certificate name has letters, digits, "-", "." and "_".');
        const before = cas.get(name);
        checkWrite({
          ifMatch: call.header('if-match'),
          current: before,
          conflict: () => armError(412, 'PreconditionFailed', 'The certificate exists. Send its etag in If-Match.'),
        });
        if (!before && cas.list().length >= quotas.caCertificates) {
          throw armError(403, 'QuotaExceeded', `The service holds ${quotas.caCertificates} CA certificates at most.`);
        }
        const { certificate, isVerified } = parseBody(upload, call.body);
        const parsed = parsedCertificate(certificate);
        const ca = save({
          name: before?.name ?? name,
          certificate: parsed.der.toString('base64'),
          sha256Thumbprint: parsed.sha256Thumbprint,
          // An upload of the same certificate keeps the verification. Another certificate needs a new proof.
          isVerified:
            isVerified ?? (before?.isVerified === true && before.sha256Thumbprint === parsed.sha256Thumbprint),
          etag: '',
          created: before?.created ?? now().toISOString(),
          updated: '',
        });
        return { status: 200, body: show(ca, call) };
      }),
    },
    {
      method: 'DELETE',
      path: byName,
      handle: guarded((call) => {
        cas.delete(expected(call).name);
        return { status: 200 };
      }),
    },
    {
      method: 'POST',
      path: `${byName}/generateVerificationCode`,
      handle: guarded((call) => {
        const ca = save({ ...expected(call), verificationCode: random(24).toString('hex').toUpperCase() });
        return { status: 200, body: show(ca, call, { verificationCode: ca.verificationCode }) };
      }),
    },
    {
      method: 'POST',
      path: `${byName}/verify`,
      handle: guarded((call) => {
        const ca = expected(call);
        const proof = parsedCertificate(parseBody(verification, call.body).certificate);
        checkProof(ca, proof, now());
        const { verificationCode: _, ...rest } = ca;
        return { status: 200, body: show(save({ ...rest, isVerified: true }), call) };
      }),
    },
  ];
}

/** Checks a proof of possession: a certificate signed by the CA with the verification code as its common name. */
function checkProof({ verificationCode, certificate }: CaCertificate, proof: Certificate, now: Date): void {
  if (verificationCode === undefined) throw armError(400, 'BadRequest', 'No verification code was generated.');
  const ca = parseCertificate(Buffer.from(certificate, 'base64'));
  if (proof.commonNames.length !== 1 || proof.commonNames[0]?.toUpperCase() !== verificationCode) {
    throw armError(400, 'BadRequest', 'The common name of the verification certificate is not the verification code.');
  }
  if (!proof.x509.checkIssued(ca.x509) || !proof.x509.verify(ca.x509.publicKey)) {
    throw armError(400, 'BadRequest', 'The verification certificate is not signed by the CA certificate.');
  }
  const fault = validityFault(proof, now);
  if (fault) throw armError(400, 'BadRequest', fault);
}

function show(ca: CaCertificate, call: Call, more: { verificationCode?: string | undefined } = {}) {
  const parsed = parseCertificate(Buffer.from(ca.certificate, 'base64'));
  return {
    properties: {
      subject: parsed.commonNames.at(-1) ?? parsed.subjectName,
      expiry: parsed.notAfter.toUTCString(),
      thumbprint: parsed.sha1Thumbprint,
      isVerified: ca.isVerified,
      created: new Date(ca.created).toUTCString(),
      updated: new Date(ca.updated).toUTCString(),
      // The certificate is part of the answer with a verification code only. Otherwise it is null.
      certificate: more.verificationCode === undefined ? null : ca.certificate,
      ...more,
    },
    id: `${resourceIdOf(call)}/certificates/${ca.name}`,
    name: ca.name,
    type: 'Microsoft.Devices/provisioningServices/Certificates',
    etag: ca.etag,
  };
}

function parseBody<T>(syntax: z.ZodType<T>, body: unknown): T {
  const parsed = syntax.safeParse(body);
  if (!parsed.success) throw armError(400, 'BadRequest', 'The body is invalid for this operation.');
  return parsed.data;
}

function parsedCertificate(text: string): Certificate {
  try {
    return decodeCertificate(text);
  } catch {
    throw armError(400, 'BadRequest', 'The certificate is not X.509 (base64 of PEM or DER).');
  }
}
