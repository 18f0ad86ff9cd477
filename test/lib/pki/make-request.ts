import { constants, type KeyObject, sign } from 'node:crypto';
import { Attributes, CertificationRequest, CertificationRequestInfo } from '@peculiar/asn1-csr';
import { RsaSaPssParams } from '@peculiar/asn1-rsa';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import {
  AlgorithmIdentifier,
  Attribute,
  AttributeTypeAndValue,
  AttributeValue,
  BasicConstraints,
  ExtendedKeyUsage,
  Extension,
  Extensions,
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_kp_clientAuth,
  KeyUsage,
  KeyUsageFlags,
  Name,
  RelativeDistinguishedName,
  SubjectPublicKeyInfo,
} from '@peculiar/asn1-x509';

/** OBJECT IDENTIFIERs of signature algorithms by kind of key and hash. */
const algorithms: Readonly<Record<string, string>> = {
  'ec sha1': '1.2.840.10045.4.1',
  'ec sha256': '1.2.840.10045.4.3.2',
  'ec sha384': '1.2.840.10045.4.3.3',
  'ec sha512': '1.2.840.10045.4.3.4',
  'rsa sha1': '1.2.840.113549.1.1.5',
  'rsa sha256': '1.2.840.113549.1.1.11',
  'rsa sha384': '1.2.840.113549.1.1.12',
  'rsa sha512': '1.2.840.113549.1.1.13',
};

export interface TestRequest {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  /** Common names, in order; none for an empty subject. */
  readonly commonName?: string | readonly string[];
  /** Further attributes of the subject, by object identifier. */
  readonly attributes?: Readonly<Record<string, string>>;
  /** Extensions that are asked for. */
  readonly extensions?: readonly Extension[];
  /** Attributes of the request, in place of those for `extensions`. */
  readonly requestAttributes?: readonly Attribute[];
  readonly hash?: 'sha1' | 'sha256' | 'sha384' | 'sha512';
  /** Signs by RSASSA-PSS. */
  readonly pss?: PssOptions;
  /** Signs with this key in place of `privateKey`. */
  readonly signedBy?: KeyObject;
}

export interface PssOptions {
  /** Octets. Default: as the hash. */
  readonly saltLength?: number;
  /** The hash of MGF1. Default: that of the signature. */
  readonly maskHash?: 'sha1' | 'sha256' | 'sha384' | 'sha512';
  /** Leaves the parameters of the hash out, in place of NULL. */
  readonly withoutNull?: boolean;
}

const hashes = {
  sha1: { id: '1.3.14.3.2.26', octets: 20 },
  sha256: { id: '2.16.840.1.101.3.4.2.1', octets: 32 },
  sha384: { id: '2.16.840.1.101.3.4.2.2', octets: 48 },
  sha512: { id: '2.16.840.1.101.3.4.2.3', octets: 64 },
} as const;

/** Algorithm and signature by RSASSA-PSS. Node always takes one hash for both, so with another `maskHash` it does not verify. */
function signPss(signed: Buffer, key: KeyObject, hash: keyof typeof hashes, options: PssOptions) {
  const { saltLength = hashes[hash].octets, maskHash = hash, withoutNull = false } = options;
  const hashOf = (name: keyof typeof hashes) =>
    new AlgorithmIdentifier({ algorithm: hashes[name].id, ...(withoutNull ? {} : { parameters: null }) });
  const parameters = new RsaSaPssParams({
    hashAlgorithm: hashOf(hash),
    maskGenAlgorithm: new AlgorithmIdentifier({
      algorithm: '1.2.840.113549.1.1.8',
      parameters: AsnConvert.serialize(hashOf(maskHash)),
    }),
    saltLength,
  });
  return {
    signatureAlgorithm: new AlgorithmIdentifier({
      algorithm: '1.2.840.113549.1.1.10',
      parameters: AsnConvert.serialize(parameters),
    }),
    signature: sign(hash, signed, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength }),
  };
}

/** A PKCS#10 request, valid or not, DER. Made with the library, without our code. */
export function makeRequestDer(request: TestRequest): Buffer {
  const { privateKey, publicKey, commonName = [], attributes = {}, hash = 'sha256', signedBy = privateKey } = request;
  const names = typeof commonName === 'string' ? [commonName] : commonName;
  const parts = [...Object.entries(attributes), ...names.filter(Boolean).map((name) => ['2.5.4.3', name] as const)];
  const info = new CertificationRequestInfo({
    version: 0,
    subject: new Name(
      parts.map(
        ([type, utf8String]) =>
          new RelativeDistinguishedName([
            new AttributeTypeAndValue({ type, value: new AttributeValue({ utf8String }) }),
          ]),
      ),
    ),
    subjectPKInfo: AsnConvert.parse(publicKey.export({ type: 'spki', format: 'der' }), SubjectPublicKeyInfo),
    attributes: new Attributes([...(request.requestAttributes ?? extensionRequest(request.extensions))]),
  });
  const signed = Buffer.from(AsnConvert.serialize(info));
  const { signatureAlgorithm, signature } =
    request.pss === undefined ? signPlainly(signed, signedBy, hash) : signPss(signed, signedBy, hash, request.pss);
  const der = AsnConvert.serialize(
    new CertificationRequest({
      certificationRequestInfo: info,
      signatureAlgorithm,
      signature: Uint8Array.from(signature).buffer,
    }),
  );
  return Buffer.from(der);
}

function signPlainly(signed: Buffer, key: KeyObject, hash: string) {
  const family = key.asymmetricKeyType ?? '';
  return {
    signatureAlgorithm: new AlgorithmIdentifier({
      algorithm: algorithms[`${family} ${hash}`] ?? '1.3.101.112',
      ...(family === 'rsa' ? { parameters: null } : {}),
    }),
    signature: sign(family === 'ed25519' ? null : hash, signed, key),
  };
}

const extensionRequestId = '1.2.840.113549.1.9.14';

/** The attribute that asks for extensions (RFC 2985 5.4.2); none for no extension. */
export function extensionRequest(extensions: readonly Extension[] = []): Attribute[] {
  if (extensions.length === 0) return [];
  return [new Attribute({ type: extensionRequestId, values: [AsnConvert.serialize(new Extensions([...extensions]))] })];
}

const extension = (extnID: string, critical: boolean, value: unknown) =>
  new Extension({ extnID, critical, extnValue: new OctetString(AsnConvert.serialize(value)) });

/** What edged asks for its Edge CA (Azure/iotedge, edgelet-http-workload/src/edge_ca.rs). */
export const edgeCaExtensions = [
  extension(id_ce_keyUsage, true, new KeyUsage(KeyUsageFlags.digitalSignature | KeyUsageFlags.keyCertSign)),
  extension(id_ce_basicConstraints, true, new BasicConstraints({ cA: true, pathLenConstraint: 0 })),
];

/** What certd asks for its `est-id` (aziot-certd/src/lib.rs in Azure/iot-identity-service). */
export const estIdExtensions = [extension(id_ce_extKeyUsage, false, new ExtendedKeyUsage([id_kp_clientAuth]))];

/** The same as PEM. */
export function makeRequest(request: TestRequest): string {
  return pemOf(makeRequestDer(request));
}

export function pemOf(der: Buffer): string {
  const lines = der.toString('base64').replace(/.{64}/g, '$&\n');
  return `-----BEGIN CERTIFICATE REQUEST-----\n${lines}\n-----END CERTIFICATE REQUEST-----\n`;
}
