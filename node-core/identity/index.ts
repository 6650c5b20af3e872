/** Who this node is: its key, on disk and on paper (`recovery-phrase.ts`), and signatures with it. */
export { KeyFileError, keyFileName, loadOrCreateKey } from './key-file.ts';
export { createSigner } from './signer.ts';
export { createVerifier } from './verifier.ts';
