/** The version of this software, as it is told to peers and shown to people; `package.json` has the same (tested). */
export const nodeVersion = '0.1.0';
