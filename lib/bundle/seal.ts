import {
  constants,
  createCipheriv,
  createECDH,
  createHash,
  ECDH,
  type KeyObject,
  publicEncrypt,
  randomBytes,
  X509Certificate,
} from 'node:crypto';
import {
  ContentInfo,
  EncryptedContent,
  EncryptedContentInfo,
  EnvelopedData,
  IssuerAndSerialNumber,
  id_data,
  id_envelopedData,
  KeyAgreeRecipientIdentifier,
  KeyAgreeRecipientInfo,
  KeyTransRecipientInfo,
  OriginatorIdentifierOrKey,
  OriginatorPublicKey,
  RecipientEncryptedKey,
  RecipientEncryptedKeys,
  RecipientIdentifier,
  RecipientInfo,
  RecipientInfos,
} from '@peculiar/asn1-cms';
import { id_mgf1, id_RSAES_OAEP, RsaEsOaepParams, sha256 } from '@peculiar/asn1-rsa';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import { AlgorithmIdentifier, Certificate, id_ce_keyUsage, KeyUsage, KeyUsageFlags } from '@peculiar/asn1-x509';

/*
 * Sealed bundles: CMS EnvelopedData (RFC 5652) that `openssl cms -decrypt` opens. Content: AES-256-CBC (RFC 3565) under a
 * key of its own for each bundle. RSA recipients: RSAES-OAEP with SHA-256 (RFC 3560). EC recipients: ephemeral-static
 * ECDH with the X9.63 KDF on SHA-256 and AES-256 key wrap (RFC 5753).
 */

const aes256Cbc = '2.16.840.1.101.3.4.1.42';
const aes256Wrap = '2.16.840.1.101.3.4.1.45';
const dhSinglePassStdDhSha256Kdf = '1.3.132.1.11.1';

/** RFC 3394 2.2.3.1. */
const keyWrapIv = Buffer.alloc(8, 0xa6);

/** One recipient: the structure with random octets in the places that each message fills anew, and what fills them. */
interface Recipient {
  readonly info: RecipientInfo;
  readonly places: readonly Buffer[];
  values(contentKey: Buffer): readonly Buffer[];
}

/** An encoded message of one length, and where its variable parts lie: first the IV and the content, then the recipients'. */
interface Layout {
  readonly image: Buffer;
  readonly offsets: readonly number[];
}

/** Bundles of a group differ by a few octets in length. More layouts than this are made anew. */
const maxLayouts = 64;

/**
 * Encoding the structure takes ten times as long as encrypting, so it is encoded once for each length of content.
 * @param recipients PEM certificates without a `recipientFaults`
 */
export function createSeal(recipients: readonly string[]): (content: Buffer) => Buffer {
  const parties = recipients.map(createRecipient);
  const layouts = new Map<number, Layout>();

  function layoutFor(length: number): Layout {
    let layout = layouts.get(length);
    if (layout === undefined) {
      layout = layOut(parties, length);
      if (layouts.size >= maxLayouts) layouts.clear();
      layouts.set(length, layout);
    }
    return layout;
  }

  return (content) => {
    const [key, iv] = [randomBytes(32), randomBytes(16)];
    const cipher = createCipheriv('aes-256-cbc', key, iv);
    const encrypted = Buffer.concat([cipher.update(content), cipher.final()]);
    const values = [iv, encrypted, ...parties.flatMap((party) => party.values(key))];
    const { image, offsets } = layoutFor(encrypted.length);
    const sealed = Buffer.from(image);
    for (const [index, value] of values.entries()) value.copy(sealed, offsets[index]);
    return sealed;
  };
}

function layOut(parties: readonly Recipient[], length: number): Layout {
  const [iv, content] = [randomBytes(16), randomBytes(length)];
  const enveloped = new EnvelopedData({
    // RFC 5652 6.1: 0 where every recipient has version 0, that is, by key transport and issuer name.
    version: parties.every(({ info }) => info.ktri !== undefined) ? 0 : 2,
    recipientInfos: new RecipientInfos(parties.map(({ info }) => info)),
    encryptedContentInfo: new EncryptedContentInfo({
      contentType: id_data,
      contentEncryptionAlgorithm: new AlgorithmIdentifier({
        algorithm: aes256Cbc,
        parameters: AsnConvert.serialize(new OctetString(iv)),
      }),
      encryptedContent: new EncryptedContent({ value: new OctetString(content) }),
    }),
  });
  const info = new ContentInfo({ contentType: id_envelopedData, content: AsnConvert.serialize(enveloped) });
  const image = Buffer.from(AsnConvert.serialize(info));
  const places = [iv, content, ...parties.flatMap((party) => party.places)];
  return { image, offsets: places.map((place) => image.indexOf(place)) };
}

function createRecipient(pem: string): Recipient {
  const { raw, publicKey } = new X509Certificate(pem);
  const certificate = AsnConvert.parse(raw, Certificate);
  const { issuer, serialNumber } = certificate.tbsCertificate;
  const name = new IssuerAndSerialNumber({ issuer, serialNumber });
  return publicKey.asymmetricKeyType === 'rsa'
    ? byKeyTransport(publicKey, name)
    : byKeyAgreement(publicKey, name, certificate);
}

function byKeyTransport(publicKey: KeyObject, name: IssuerAndSerialNumber): Recipient {
  const rid = new RecipientIdentifier({ issuerAndSerialNumber: name });
  const maskGenAlgorithm = new AlgorithmIdentifier({ algorithm: id_mgf1, parameters: AsnConvert.serialize(sha256) });
  const parameters = AsnConvert.serialize(new RsaEsOaepParams({ hashAlgorithm: sha256, maskGenAlgorithm }));
  const keyEncryptionAlgorithm = new AlgorithmIdentifier({ algorithm: id_RSAES_OAEP, parameters });
  const padding = { key: publicKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' };
  const place = randomBytes(Math.ceil((publicKey.asymmetricKeyDetails?.modulusLength ?? 0) / 8));
  const encryptedKey = new OctetString(place);
  return {
    info: new RecipientInfo({
      ktri: new KeyTransRecipientInfo({ version: 0, rid, keyEncryptionAlgorithm, encryptedKey }),
    }),
    places: [place],
    values: (contentKey) => [publicEncrypt(padding, contentKey)],
  };
}

function byKeyAgreement(publicKey: KeyObject, name: IssuerAndSerialNumber, certificate: Certificate): Recipient {
  const curve = publicKey.asymmetricKeyDetails?.namedCurve ?? '';
  const { algorithm, subjectPublicKey } = certificate.tbsCertificate.subjectPublicKeyInfo;
  // Uncompressed in a certificate of OpenSSL and Windows; the ephemeral point is always.
  const point = Buffer.from(
    ECDH.convertKey(Buffer.from(subjectPublicKey), curve, undefined, undefined, 'uncompressed') as Buffer,
  );
  const rid = new KeyAgreeRecipientIdentifier({ issuerAndSerialNumber: name });
  // RFC 5753 7.2: AES key wrap has no parameters.
  const wrap = new AlgorithmIdentifier({ algorithm: aes256Wrap });
  const keyEncryptionAlgorithm = new AlgorithmIdentifier({
    algorithm: dhSinglePassStdDhSha256Kdf,
    parameters: AsnConvert.serialize(wrap),
  });
  const sharedInfo = eccCmsSharedInfo(wrap);
  const [pointPlace, keyPlace] = [randomBytes(point.length), randomBytes(40)];
  const originatorKey = new OriginatorPublicKey({
    algorithm: new AlgorithmIdentifier({ algorithm: algorithm.algorithm, parameters: algorithm.parameters }),
    publicKey: new Uint8Array(pointPlace).buffer,
  });
  const encryptedKey = new OctetString(keyPlace);
  return {
    info: new RecipientInfo({
      kari: new KeyAgreeRecipientInfo({
        version: 3,
        originator: new OriginatorIdentifierOrKey({ originatorKey }),
        keyEncryptionAlgorithm,
        recipientEncryptedKeys: new RecipientEncryptedKeys([new RecipientEncryptedKey({ rid, encryptedKey })]),
      }),
    }),
    places: [pointPlace, keyPlace],
    values(contentKey) {
      const ephemeral = createECDH(curve);
      const ephemeralPoint = ephemeral.generateKeys();
      const keyEncryptionKey = createHash('sha256')
        .update(ephemeral.computeSecret(point))
        .update(Buffer.from([0, 0, 0, 1]))
        .update(sharedInfo)
        .digest();
      const cipher = createCipheriv('id-aes256-wrap', keyEncryptionKey, keyWrapIv);
      return [ephemeralPoint, Buffer.concat([cipher.update(contentKey), cipher.final()])];
    },
  };
}

/**
 * What both sides hash beside the secret (RFC 5753 7.2): the wrapping algorithm, and the length of its key in bits as
 * [2] EXPLICIT OCTET STRING. X9.63 takes 32 bytes of SHA-256 in one round.
 */
function eccCmsSharedInfo(wrap: AlgorithmIdentifier): Buffer {
  const algorithm = Buffer.from(AsnConvert.serialize(wrap));
  const length = Buffer.from([0xa2, 0x06, 0x04, 0x04, 0, 0, 1, 0]);
  return Buffer.concat([Buffer.from([0x30, algorithm.length + length.length]), algorithm, length]);
}

/** Curves as Node names them; each is at least as strong as P-256, and OpenSSL opens what is sealed to it. */
const curves: ReadonlySet<string> = new Set(['prime256v1', 'secp384r1', 'secp521r1']);

const leastRsaBits = 2048;

/**
 * Why bundles cannot be sealed to this certificate at that moment: each reason a sentence part for the one who declared
 * the group. None where they can.
 */
export function recipientIssues(pem: string, at: Date): string[] {
  const certificate = readCertificate(pem);
  if (certificate === undefined) return ['not one certificate in PEM'];
  const faults: string[] = [];
  if (at < certificate.validFromDate) faults.push(`not valid before ${certificate.validFromDate.toISOString()}`);
  if (at > certificate.validToDate) faults.push(`expired at ${certificate.validToDate.toISOString()}`);

  const { asymmetricKeyType: type, asymmetricKeyDetails: details = {} } = certificate.publicKey;
  const usages = keyUsages(certificate);
  if (type === 'rsa') {
    const bits = details.modulusLength ?? 0;
    if (bits < leastRsaBits) faults.push(`too weak: an RSA key of ${bits} bits, where ${leastRsaBits} are the least`);
    if (usages !== undefined && !(usages & KeyUsageFlags.keyEncipherment))
      faults.push('not for encryption: its key usage lacks keyEncipherment');
  } else if (type === 'ec') {
    if (!curves.has(details.namedCurve ?? ''))
      faults.push(`too weak: a key on ${details.namedCurve ?? 'a curve without a name'}, not on P-256, P-384 or P-521`);
    if (usages !== undefined && !(usages & KeyUsageFlags.keyAgreement))
      faults.push('not for encryption: its key usage lacks keyAgreement');
  } else {
    faults.push(`not for encryption: a key of type ${type ?? 'unknown'}, not RSA or EC`);
  }
  return faults;
}

/** The certificates that stand in a list more than once, as positions. Whitespace makes no difference. */
export function duplicateRecipients(pems: readonly string[]): number[] {
  const seen = new Set<string>();
  return pems.flatMap((pem, index) => {
    const thumbprint = readCertificate(pem)?.fingerprint256 ?? pem;
    if (seen.has(thumbprint)) return [index];
    seen.add(thumbprint);
    return [];
  });
}

function readCertificate(pem: string): X509Certificate | undefined {
  // Node reads the first certificate of several; who sent a chain meant perhaps another one.
  if (pem.split('-----BEGIN').length !== 2 || !pem.includes('-----BEGIN CERTIFICATE-----')) return undefined;
  try {
    const certificate = new X509Certificate(pem);
    // A key that OpenSSL cannot read is noticed at its first use only.
    return certificate.publicKey.type === 'public' ? certificate : undefined;
  } catch {
    return undefined;
  }
}

/** Bits of the key usage extension, or undefined where the key may be used for anything (RFC 5280 4.2.1.3). */
function keyUsages({ raw }: X509Certificate): number | undefined {
  const { extensions = [] } = AsnConvert.parse(raw, Certificate).tbsCertificate;
  const extension = extensions.find(({ extnID }) => extnID === id_ce_keyUsage);
  return extension === undefined ? undefined : AsnConvert.parse(extension.extnValue, KeyUsage).toNumber();
}
