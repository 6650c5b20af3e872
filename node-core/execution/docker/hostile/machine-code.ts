/**
 * Programs of a few instructions, written byte by byte: system calls that Node has no function for, without asking a
 * test machine for a compiler. Linux on x86-64.
 */

/** A number, bytes in memory (their address is passed), or what an earlier call returned. */
export type Argument = number | bigint | Uint8Array | { readonly resultOf: number };

export interface Call {
  readonly number: number;
  readonly args: readonly Argument[];
}

const base = 0x400000n;
const headersBytes = 64 + 56;
const loadInto = [
  [0x48, 0xbf], // rdi
  [0x48, 0xbe], // rsi
  [0x48, 0xba], // rdx
  [0x49, 0xba], // r10
  [0x49, 0xb8], // r8
  [0x49, 0xb9], // r9
] as const;
const moveInto = [
  [0x48, 0x89, 0xc7],
  [0x48, 0x89, 0xc6],
  [0x48, 0x89, 0xc2],
  [0x49, 0x89, 0xc2],
  [0x49, 0x89, 0xc0],
  [0x49, 0x89, 0xc1],
] as const;
const syscall = [0x0f, 0x05];

/** @returns a static program that makes the calls one after another and writes what each returned, 8 bytes each. */
export function programOf(calls: readonly Call[]): Buffer {
  const measured = assemble(calls, 0n);
  return elf(assemble(calls, base + BigInt(headersBytes + measured.length)), dataOf(calls));
}

/** @param dataAt address of the results, with the calls' bytes behind them. */
function assemble(calls: readonly Call[], dataAt: bigint): Buffer {
  const code: number[] = [];
  const resultAt = (index: number): bigint => dataAt + BigInt(index * 8);
  let bytesAt = dataAt + BigInt(calls.length * 8);
  const invoke = (number: number): void => void code.push(0x48, 0xb8, ...quad(BigInt(number)), ...syscall);
  for (const [index, { number, args }] of calls.entries()) {
    for (const [position, arg] of args.entries()) {
      const load = loadInto[position] ?? loadInto[0];
      if (arg instanceof Uint8Array) {
        code.push(...load, ...quad(bytesAt));
        bytesAt += BigInt(arg.length);
      } else if (typeof arg === 'object') {
        code.push(0x48, 0xa1, ...quad(resultAt(arg.resultOf)), ...(moveInto[position] ?? moveInto[0]));
      } else {
        code.push(...load, ...quad(BigInt(arg)));
      }
    }
    invoke(number);
    code.push(0x48, 0xa3, ...quad(resultAt(index)));
  }
  const write = [1n, dataAt, BigInt(calls.length * 8)];
  for (const [position, value] of write.entries()) code.push(...(loadInto[position] ?? loadInto[0]), ...quad(value));
  invoke(1);
  code.push(...(loadInto[0] ?? []), ...quad(0n));
  invoke(231);
  return Buffer.from(code);
}

function dataOf(calls: readonly Call[]): Buffer {
  const bytes = calls.flatMap(({ args }) => args.filter((arg): arg is Uint8Array => arg instanceof Uint8Array));
  return Buffer.concat([Buffer.alloc(calls.length * 8), ...bytes]);
}

/** Forks for ever, and so does every child. */
export const forkBomb = elf(Buffer.from([0xb8, 57, 0, 0, 0, ...syscall, 0xeb, 0xf7]), Buffer.alloc(0));

/** Leaves the one who started it, and waits for ever in a session of its own. */
export const daemon = elf(
  Buffer.from([
    ...[0xb8, 57, 0, 0, 0, ...syscall], // fork
    ...[0x85, 0xc0, 0x75, 0x10], // the parent goes to the end
    ...[0xb8, 112, 0, 0, 0, ...syscall], // setsid
    ...[0xb8, 34, 0, 0, 0, ...syscall, 0xeb, 0xf7], // pause, again and again
    ...[0x31, 0xff, 0xb8, 231, 0, 0, 0, ...syscall], // exit_group(0)
  ]),
  Buffer.alloc(0),
);

/** Starts 24 children that end at once, and ends without asking after them. */
export const zombies = elf(
  Buffer.from([
    ...[0xbb, 24, 0, 0, 0], // ebx = 24
    ...[0xb8, 57, 0, 0, 0, ...syscall], // fork
    ...[0x85, 0xc0, 0x74, 0x04], // the child goes to the end
    ...[0xff, 0xcb, 0x75, 0xf1], // once less, and again
    ...[0x31, 0xff, 0xb8, 231, 0, 0, 0, ...syscall],
  ]),
  Buffer.alloc(0),
);

/** One segment that is read, written and run. */
function elf(code: Buffer, data: Buffer): Buffer {
  const header = Buffer.alloc(headersBytes);
  const size = BigInt(headersBytes + code.length + data.length);
  header.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  header.writeUInt16LE(2, 16); // a program
  header.writeUInt16LE(62, 18); // x86-64
  header.writeUInt32LE(1, 20);
  header.writeBigUInt64LE(base + BigInt(headersBytes), 24); // where it begins
  header.writeBigUInt64LE(64n, 32); // program headers
  header.writeUInt16LE(64, 52);
  header.writeUInt16LE(56, 54);
  header.writeUInt16LE(1, 56);
  header.writeUInt32LE(1, 64); // PT_LOAD
  header.writeUInt32LE(7, 68); // rwx
  header.writeBigUInt64LE(base, 80);
  header.writeBigUInt64LE(base, 88);
  header.writeBigUInt64LE(size, 96);
  header.writeBigUInt64LE(size, 104);
  header.writeBigUInt64LE(4096n, 112);
  return Buffer.concat([header, code, data]);
}

function quad(value: bigint): number[] {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, value));
  return [...bytes];
}
