import { createPublicKey, hash, type KeyObject, verify } from 'node:crypto';

/*
 * Checkpoints (C2SP tlog-checkpoint) as signed notes (C2SP signed-note).
 *
 * Key Vault has no Ed25519 keys. So the signature is of type 0x02: ECDSA with P-256 and SHA-256, as DER, by
 * github.com/transparency-dev. Its key id is the beginning of the SHA-256 of the public key (SPKI, DER).
 */

/** Signs checkpoints. A Signer of a key store with a key `ec-p256` is one. */
export interface NoteSigner {
  readonly publicKey: KeyObject;
  /** @returns the ECDSA signature over the SHA-256 of the data, as DER */
  sign(data: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

/** The log at one size. */
export interface Checkpoint {
  /** Name of the log. */
  readonly origin: string;
  /** Entries. */
  readonly size: number;
  /** Root hash of the tree. */
  readonly root: Buffer;
}

const ecdsaType = 0x02;
const signatureStart = '\u2014 ';

/** @returns the checkpoint as a signed note */
export async function signCheckpoint(checkpoint: Checkpoint, signer: NoteSigner): Promise<string> {
  const text = noteText(checkpoint);
  const signature = await signer.sign(Buffer.from(text));
  const signed = Buffer.concat([keyId(signer.publicKey), signature]).toString('base64');
  return `${text}\n${signatureStart}${checkpoint.origin} ${signed}\n`;
}

function noteText({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${root.toString('base64')}\n`;
}

/** The longest note that is read. A checkpoint with one signature has some 250 bytes. */
export const maxNoteBytes = 64 * 1024;

/**
 * Reads a checkpoint and checks its signature. Signatures by other keys are ignored, as the specification demands: a witness
 * may have added one.
 * @returns undefined when it is not a checkpoint that the key signed
 */
export function readCheckpoint(note: Buffer, publicKey: KeyObject): Checkpoint | undefined {
  if (note.length > maxNoteBytes) return undefined;
  const whole = note.toString();
  const end = whole.lastIndexOf('\n\n');
  const checkpoint = parseText(whole.slice(0, end + 1));
  if (checkpoint === undefined) return undefined;
  const id = keyId(publicKey);
  for (const line of whole.slice(end + 2).split('\n')) {
    if (!line.startsWith(`${signatureStart}${checkpoint.origin} `)) continue;
    const signed = Buffer.from(line.slice(signatureStart.length + checkpoint.origin.length + 1), 'base64');
    if (!signed.subarray(0, id.length).equals(id)) continue;
    if (verify('sha256', Buffer.from(whole.slice(0, end + 1)), publicKey, signed.subarray(id.length)))
      return checkpoint;
  }
  return undefined;
}

/** @returns undefined when the text is not exactly that of a checkpoint; extension lines are never written */
function parseText(text: string): Checkpoint | undefined {
  const [origin, size, root, ...rest] = text.split('\n');
  if (!origin || size === undefined || root === undefined || rest.length !== 1) return undefined;
  const checkpoint = { origin, size: Number(size), root: Buffer.from(root, 'base64') };
  const isWhole = Number.isSafeInteger(checkpoint.size) && checkpoint.root.length === 32;
  return isWhole && noteText(checkpoint) === text ? checkpoint : undefined;
}

function keyId(publicKey: KeyObject): Buffer {
  return hash('sha256', spkiOf(publicKey), 'buffer').subarray(0, 4);
}

function spkiOf(publicKey: KeyObject): Buffer {
  return publicKey.export({ type: 'spki', format: 'der' });
}

/**
 * The key as other programs take it: `<name>+<key id>+<base64 of type and public key>`.
 * https://pkg.go.dev/github.com/transparency-dev/formats/note#NewECDSAVerifier
 */
export function verifierKey(origin: string, publicKey: KeyObject): string {
  const typed = Buffer.concat([Uint8Array.of(ecdsaType), spkiOf(publicKey)]);
  return `${origin}+${keyId(publicKey).toString('hex')}+${typed.toString('base64')}`;
}

/** @returns the public key of a text that `verifierKey` made; undefined when it is none with a P-256 key */
export function readVerifierKey(text: string): KeyObject | undefined {
  // Base64 can have a "+" too.
  const [, origin = '', typed = ''] = /^([^+\s]+)\+[0-9a-f]{8}\+(\S+)$/.exec(text.trim()) ?? [];
  const [type, ...spki] = Buffer.from(typed, 'base64');
  if (type !== ecdsaType) return undefined;
  try {
    const publicKey = createPublicKey({ key: Buffer.from(spki), type: 'spki', format: 'der' });
    return verifierKey(origin, publicKey) === text.trim() ? publicKey : undefined;
  } catch {
    return undefined;
  }
}
