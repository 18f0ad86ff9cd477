import { AsnConvert, AsnSerializer, OctetString } from '@peculiar/asn1-schema';
import {
  BasicConstraints,
  Extension,
  Extensions,
  id_ce_basicConstraints,
  id_ce_keyUsage,
  KeyUsage,
} from '@peculiar/asn1-x509';
import { brokenRule } from './broken-rule.ts';
import { derHeader, derTag } from './der.ts';
import { describeKey } from './key-type.ts';
import { toPem } from './pem.ts';
import { profiles } from './profile.ts';
import { signatureAlgorithm } from './signature-algorithm.ts';
import type { Signer } from './signer.ts';
import { subjectKeyOf } from './subject-key.ts';
import { encodeName } from './to-be-signed.ts';

export interface CaRequest {
  readonly commonName: string;
  readonly signer: Signer;
  /** How many CAs may follow below it; the request asks for this, and whoever signs it decides. */
  readonly pathLength: number;
}

/** extensionRequest (RFC 2985 5.4.2), where OpenSSL, EJBCA and step-ca look for the extensions that are asked for. */
const extensionRequest = Buffer.from('06092a864886f70d01090e', 'hex');
const version1 = Buffer.from('020100', 'hex');

/**
 * A PKCS#10 request (RFC 2986) for an issuing CA's certificate, for signing elsewhere; the key signs it and stays where it is.
 * @returns PEM
 */
export async function createCaRequest({ commonName, signer, pathLength }: CaRequest): Promise<string> {
  const key = subjectKeyOf(signer.publicKey);
  if (key === undefined) throw brokenRule('key-type', `a key of type ${describeKey(signer.publicKey)} is not accepted`);
  const constraints = new BasicConstraints({ cA: true, pathLenConstraint: pathLength });
  const usage = new KeyUsage(profiles['issuing-ca'].keyUsage(key.type));
  const extensions = new Extensions([extension(id_ce_basicConstraints, constraints), extension(id_ce_keyUsage, usage)]);
  const attribute = sequence(extensionRequest, element(derTag.set, Buffer.from(AsnConvert.serialize(extensions))));
  const info = sequence(version1, encodeName(commonName), key.info, element(derTag.context0, attribute));
  const signature = element(derTag.bitString, Buffer.of(0), await signer.sign(info));
  return toPem('CERTIFICATE REQUEST', sequence(info, signatureAlgorithm[signer.keyType], signature));
}

function extension(extnID: string, value: unknown): Extension {
  return new Extension({ extnID, critical: true, extnValue: new OctetString(AsnSerializer.serialize(value)) });
}

function sequence(...parts: readonly Uint8Array[]): Buffer {
  return element(derTag.sequence, ...parts);
}

function element(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([derHeader(tag, content.length), content]);
}
