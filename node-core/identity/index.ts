/** Who this node is: its key, on disk and on paper, and signatures with it. */
export { createKeyFile, KeyFileError, keyFileName, loadOrCreateKey, readKeyFile } from './key-file.ts';
export { phraseOf, RecoveryPhraseError, seedOf } from './recovery-phrase.ts';
export { createSigner } from './signer.ts';
export { createVerifier } from './verifier.ts';
