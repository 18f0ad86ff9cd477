import { Attributes, CertificationRequest, CertificationRequestInfo } from '@peculiar/asn1-csr';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import {
  AlgorithmIdentifier,
  Attribute,
  BasicConstraints,
  Extension,
  Extensions,
  id_ce_basicConstraints,
  id_ce_keyUsage,
  KeyUsage,
  Name,
  SubjectPublicKeyInfo,
} from '@peculiar/asn1-x509';
import { brokenRule } from './broken-rule.ts';
import { toPem } from './certificate.ts';
import type { Signer } from './key-store.ts';
import { describeKey, signatureAlgorithm, subjectKeyOf } from './keys.ts';
import { keyUsageBits, profiles } from './profiles.ts';
import { encodeName } from './template.ts';
import { extensionRequestId } from './x509.ts';

export interface CaRequest {
  readonly commonName: string;
  readonly signer: Signer;
  /** How many CAs may follow below it. The request asks for this; the CA that signs it decides. */
  readonly pathLength: number;
}

/**
 * A PKCS#10 request (RFC 2986) for the certificate of an issuing CA that is signed by another PKI. Only the signature leaves
 * the signer; its key does not.
 * @returns PEM
 * @throws FleetError `certificate-rule` (rule `key-type`) when no CA may have such a key; `throttled` or `unavailable` from a
 * key that is not local
 */
export async function createCaRequest({ commonName, signer, pathLength }: CaRequest): Promise<string> {
  const key = subjectKeyOf(signer.publicKey);
  if (key === undefined) throw brokenRule('key-type', `a key of type ${describeKey(signer.publicKey)} is not accepted`);
  const extensions = new Extensions([
    critical(id_ce_basicConstraints, new BasicConstraints({ cA: true, pathLenConstraint: pathLength })),
    critical(id_ce_keyUsage, new KeyUsage(keyUsageBits(profiles['issuing-ca']))),
  ]);
  const info = new CertificationRequestInfo({
    version: 0, // PKCS#10 version 1
    subject: AsnConvert.parse(encodeName(commonName), Name),
    subjectPKInfo: AsnConvert.parse(key.info, SubjectPublicKeyInfo),
    attributes: new Attributes([
      new Attribute({ type: extensionRequestId, values: [AsnConvert.serialize(extensions)] }),
    ]),
  });
  const signature = await signer.sign(new Uint8Array(AsnConvert.serialize(info)));
  const request = new CertificationRequest({
    certificationRequestInfo: info,
    signatureAlgorithm: AsnConvert.parse(signatureAlgorithm[signer.keyType].der, AlgorithmIdentifier),
    signature: Uint8Array.from(signature).buffer,
  });
  return toPem('CERTIFICATE REQUEST', Buffer.from(AsnConvert.serialize(request)));
}

function critical(extnID: string, value: BasicConstraints | KeyUsage): Extension {
  return new Extension({ extnID, critical: true, extnValue: new OctetString(AsnConvert.serialize(value)) });
}
