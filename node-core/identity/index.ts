/** Who this node is: its key, on disk and on paper (`recovery-phrase.ts`), and signatures with it. */
export { createKeyFile, KeyFileError, keyFileName, loadOrCreateKey, readKeyFile } from './key-file.ts';
export { phraseOf, RecoveryPhraseError, seedOf } from './recovery-phrase.ts';
export { createSigner, peerIdOfSeed } from './signer.ts';
export { createVerifier } from './verifier.ts';
